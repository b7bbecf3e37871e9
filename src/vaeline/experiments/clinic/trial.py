"""One training of the clinic: run as a DVC experiment up to diagnose, and measured once."""

import hashlib
import io
import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dvc.api
import pandas as pd

from vaeline.core.errors import VaelineError
from vaeline.core.files import read_json, write_json
from vaeline.core.nouns import IMAGE
from vaeline.core.progress import bar
from vaeline.diagnosis.detection import run_detectors
from vaeline.diagnosis.finding import Finding, finding_from, load_findings
from vaeline.diagnosis.remedy_commands import with_remedy_commands
from vaeline.experiments.find import params_with
from vaeline.experiments.launch import failure, running_experiment, watch, with_whole_path
from vaeline.experiments.watching import kept
from vaeline.provenance.closure import stage_code
from vaeline.provenance.dependencies import dependency_hash

TRIALS = Path(".scratch/clinic")
LAST_STAGE = "diagnose"
TRIAL_STAGES = ("prepare", "check", "train", "fid_reference", LAST_STAGE)
# The measures are made here. Later rooms put them into words, pictures and MLflow, and change none of them.
MEASURING = (
    Path("stages"),
    *(
        Path("src/vaeline", room)
        for room in ("core", "runtime", "provenance", "data", "models", "evaluation", "training")
    ),
)


@dataclass(frozen=True)
class Trial:
    """What came of a training.

    Attributes:
        findings: What the detectors say of it.
        measures: Its measures by name; none if it diverged.
        seconds: The time that its epochs took, by the training's own clock.
    """

    findings: Sequence[Finding]
    measures: Mapping[str, float]
    seconds: float

    def finding(self, name: str) -> Finding | None:
        """Returns the finding of that name, or None if it was not looked for."""
        return next((finding for finding in self.findings if finding.name == name), None)


def trial(name: str, overrides: Sequence[str]) -> Trial:
    """Returns what came of the experiment `name`, or of an earlier one with these params at this code.

    The measures are kept; the detectors of today look at them.

    Raises:
        VaelineError: If the experiment fails in another way than by a training that diverges.
    """
    path = TRIALS / f"{trial_key(overrides)}.json"
    if not path.is_file():
        if not run_training(name, overrides):
            return Trial(load_findings(kept(name)), {}, 0.0)
        write_json(path, measured(name, overrides))
    values = read_json(path)
    return Trial(_detected(values["measures"], overrides), values["measures"], values["seconds"])


def trial_key(overrides: Sequence[str]) -> str:
    """Returns 12 hexadecimal digits, equal for two trainings that must give the same measures."""
    code = {
        file
        for stage in TRIAL_STAGES
        for file in stage_code(stage)
        if any(Path(file).is_relative_to(folder) for folder in MEASURING)
    }
    hashes = {file: dependency_hash(file) for file in code}
    content = json.dumps([params_with(overrides), hashes], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:12]


def run_training(name: str, overrides: Sequence[str]) -> bool:
    """Runs the experiment up to diagnose, and returns whether the training ended; if not, it diverged.

    Raises:
        VaelineError: If it fails in another way.
    """
    subprocess.run(["dvc", "exp", "remove", "--quiet", name], capture_output=True, check=False)
    kept(name).unlink(missing_ok=True)
    with (
        bar(total=1, desc="clinic", unit=" training", leave=False) as progress,
        running_experiment(overrides, name, LAST_STAGE) as process,
    ):
        watch(process, name, progress)
    if process.returncode and not kept(name).is_file():
        raise VaelineError(failure(name))
    return not process.returncode


def measured(name: str, overrides: Sequence[str]) -> dict[str, Any]:
    """Returns the measures of the experiment `name`, and the seconds that its epochs took.

    Raises:
        VaelineError: If diagnose printed other findings than the detectors make of these measures.
    """
    measures = _json(name, "train/metrics.json") | _json(name, "diagnose/metrics.json")
    printed = [finding_from(values) for values in _json(name, "diagnose/findings.json")["findings"]]
    if printed != _detected(measures, overrides):
        raise VaelineError(f"{name}: diagnose printed other findings than its own measures give")
    history = pd.read_csv(io.StringIO(output_text(name, "train/history.csv"))).set_index("epoch")
    measures["best_valid_elbo_se"] = float(history["valid_elbo_se"][measures["best_epoch"]])
    return {"measures": measures, "seconds": _json(name, "train/run.json")["seconds"]}


def output_text(name: str, path: str) -> str:
    """Returns the content of `outputs/<path>` in the experiment `name`."""
    text: str = dvc.api.read(f"outputs/{path}", rev=name)
    return text


def _json(name: str, path: str) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(output_text(name, path))
    return values


def _detected(measures: Mapping[str, Any], overrides: Sequence[str]) -> list[Finding]:
    params = params_with(with_whole_path(overrides))
    return with_remedy_commands(run_detectors(measures, params, noun=IMAGE), params)
