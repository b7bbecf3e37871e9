"""Findings while a training runs: told as they are made, and written before one that diverged fails."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from vaeline.core.params import read_yaml
from vaeline.diagnosis.detection import run_detectors
from vaeline.diagnosis.detectors import DURING
from vaeline.diagnosis.finding import Finding, findings_text, problems, save_findings
from vaeline.diagnosis.remedy_commands import with_remedy_commands
from vaeline.evaluation import trends
from vaeline.runtime.stage import workspace
from vaeline.training.epoch import TrainingDivergedError
from vaeline.training.record import Record
from vaeline.training.state import Training

OUTPUT = Path("outputs/train/findings.json")
SETTLED = 3  # epochs whose rate is looked at together: in the first one z has no use yet


def of_training(training: Training, records: Sequence[Record], config: Mapping[str, Any]) -> list[Finding]:
    """Returns what can be said of a training before it has ended, from its steps and epochs so far."""
    monitor = training.monitor
    metrics = trends.unsteadiness(training.skipped, monitor.spikes, monitor.largest_variance, training.step)
    if len(records) >= SETTLED:
        metrics["kl"] = max(record.valid_kl for record in records[-SETTLED:])
    return run_detectors(metrics, config, DURING)


def watched(
    epochs: Iterable[Record],
    training: Training,
    earlier: Sequence[Record],
    config: Mapping[str, Any],
    log: Callable[[Mapping[str, str]], None],
) -> Iterator[Record]:
    """Yields `epochs`, which follow on `earlier` ones, and tells of each problem when it is first there.

    The findings are written to OUTPUT at the end, also where training diverges and TrainingDivergedError goes
    on from here; then `log` gets the file too, and an experiment's stays beside its log, since DVC keeps
    nothing of a stage that fails.
    """
    records, told = list(earlier), set()
    try:
        for record in epochs:
            records.append(record)
            found = problems(of_training(training, records, config))
            if new := [one for one in found if one.name not in told]:
                tqdm.write(findings_text(_pasted(new)), file=sys.stderr)
            told |= {one.name for one in new}
            yield record
    except TrainingDivergedError:
        found = _pasted(of_training(training, records, config))
        save_findings(OUTPUT, found)
        if name := os.environ.get("DVC_EXP_NAME"):
            save_findings(kept(name), found)
        log({str(OUTPUT): "findings"})
        print(findings_text(found), file=sys.stderr)
        raise
    save_findings(OUTPUT, _pasted(of_training(training, records, config)))


def kept(experiment: str) -> Path:
    """Returns where the findings of an experiment lie whose training diverged."""
    return workspace() / ".scratch" / "experiments" / f"{experiment}.findings.json"


def _pasted(found: Sequence[Finding]) -> list[Finding]:
    return with_remedy_commands(found, read_yaml("params.yaml")) if problems(found) else list(found)
