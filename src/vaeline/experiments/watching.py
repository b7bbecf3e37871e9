"""The companion process of a training: judges the training while it runs, see `training.companion`.

`python -m vaeline.experiments.watching` reads one JSON object a line, and answers with one line from the
second on: `{"text": …}`, what is to be printed.

1. `{"config": …, "earlier": [measures, …], "findings": path}`: the params, the epochs before a resume, and
   where to write the findings of a training that diverges.
2. `{"measures": …}` after each epoch. The text names the problems that are new. The epochs of an experiment
   are kept beside its log as well, where a search reads them.
3. `{"diverged": measures}`, if training fails. The findings are written, and are the text.
"""

import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from vaeline.core.files import write_json
from vaeline.core.yaml import read_yaml
from vaeline.diagnosis.detection import run_detectors
from vaeline.diagnosis.detectors import DURING
from vaeline.diagnosis.finding import Finding, findings_text, problems, save_findings
from vaeline.diagnosis.remedy_commands import with_remedy_commands
from vaeline.evaluation.trends import unsteadiness
from vaeline.runtime.stage import workspace

SETTLED = 3  # validations whose rate is judged together: in the first one z has no use yet


class Watch:
    """Judges one training, of which it receives the measures of each epoch."""

    def __init__(self, config: Mapping[str, Any], earlier: Sequence[Mapping[str, float]], path: Path) -> None:
        """Begins after the epochs `earlier`; `path` is for the findings of a training that diverges."""
        self.config, self.path = config, path
        self.rates = [measures["valid_kl"] for measures in earlier if "valid_kl" in measures]
        self.epochs = [*earlier]
        self.told: set[str] = set()

    def findings(self, measures: Mapping[str, float]) -> list[Finding]:
        """Returns what can be said before training has ended, from its steps and epochs so far."""
        metrics = unsteadiness(
            int(measures["skipped_updates"]),
            int(measures["spikes"]),
            measures["largest_variance"],
            int(measures["step"]),
        )
        if len(self.rates) >= SETTLED:
            metrics["kl"] = max(self.rates[-SETTLED:])
        return _with_commands(run_detectors(metrics, self.config, DURING))

    def epoch(self, measures: Mapping[str, float]) -> str:
        """Returns the text of the problems that have appeared with this epoch; an empty one without any."""
        if "valid_kl" in measures:
            self.rates.append(measures["valid_kl"])
        self.epochs.append(measures)
        if name := os.environ.get("DVC_EXP_NAME"):
            write_json(epochs_path(name), {"epochs": self.epochs}, durable=False)
        new = [finding for finding in problems(self.findings(measures)) if finding.name not in self.told]
        self.told |= {finding.name for finding in new}
        return findings_text(new) if new else ""

    def diverged(self, measures: Mapping[str, float]) -> str:
        """Writes the findings, and returns their text.

        An experiment's are written beside its log too, since DVC keeps nothing of a stage that fails.
        """
        findings = self.findings(measures)
        save_findings(self.path, findings)
        if name := os.environ.get("DVC_EXP_NAME"):
            save_findings(kept(name), findings)
        return findings_text(findings)


def kept(experiment: str) -> Path:
    """Returns where the findings of an experiment are whose training diverged."""
    return _beside_log(experiment, "findings")


def epochs_path(experiment: str) -> Path:
    """Returns where the measures of each epoch of an experiment are, see `training.companion`."""
    return _beside_log(experiment, "epochs")


def _beside_log(experiment: str, content: str) -> Path:
    return workspace() / ".scratch" / "experiments" / f"{experiment}.{content}.json"


def answers(lines: Iterable[str]) -> Iterator[str]:
    """Yields the answer to each of `lines` but the first."""
    messages = map(json.loads, lines)
    if (first := next(messages, None)) is None:  # the training has ended before it began
        return
    watch = Watch(first["config"], first["earlier"], Path(first["findings"]))
    for message in messages:
        diverged = message.get("diverged")
        yield json.dumps({"text": watch.diverged(diverged) if diverged else watch.epoch(message["measures"])})


def _with_commands(findings: list[Finding]) -> list[Finding]:
    return with_remedy_commands(findings, read_yaml("params.yaml")) if problems(findings) else findings


if __name__ == "__main__":
    if len(sys.argv) > 1:  # --help, or anything else that no training says
        print(__doc__)
        sys.exit()
    for answer in answers(sys.stdin):
        print(answer, flush=True)
