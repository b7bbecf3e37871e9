"""One training of the clinic: run as a DVC experiment up to diagnose, and remembered until code changes."""

import hashlib
import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dvc.api

from vaeline.closure import stage_code
from vaeline.errors import VaelineError
from vaeline.experiments import params_with
from vaeline.files import read_json, write_json
from vaeline.findings import finding
from vaeline.findings.finding import Finding
from vaeline.launch import failure, started, watch
from vaeline.progress import bar
from vaeline.watching import kept

RESULTS = Path(".scratch/clinic")
LAST = "diagnose"
STAGES = ("prepare", "check", "train", "fid_reference", LAST)


@dataclass(frozen=True)
class Trial:
    """What came of a training: its findings, and its measures by name, which are none where it diverged.

    `seconds` are those of its epochs, by the training's own clock.
    """

    overrides: Sequence[str]
    findings: Sequence[Finding]
    measures: Mapping[str, float]
    seconds: float

    def found(self, name: str) -> Finding | None:
        """Returns the finding of that name, or None where it was not looked for."""
        return next((one for one in self.findings if one.name == name), None)


def trial(name: str, overrides: Sequence[str]) -> Trial:
    """Returns what came of the experiment `name`, which is run unless it was at this code and these params.

    Raises VaelineError where it fails in another way than by a training that diverges.
    """
    path = RESULTS / f"{name}-{_made_of(overrides)}.json"
    if not path.is_file():
        write_json(path, _run(name, overrides))
    values = read_json(path)
    findings = [finding.of(one) for one in values["findings"]]
    return Trial(values["overrides"], findings, values["measures"], values["seconds"])


def _made_of(overrides: Sequence[str]) -> str:
    code = sorted({file for stage in STAGES for file in stage_code(stage)})
    contents = [hashlib.sha256(Path(file).read_bytes()).hexdigest() for file in ("dvc.yaml", *code)]
    params = json.dumps([params_with(overrides), contents], sort_keys=True)
    return hashlib.sha256(params.encode()).hexdigest()[:12]


def _run(name: str, overrides: Sequence[str]) -> dict[str, Any]:
    subprocess.run(["dvc", "exp", "remove", "--quiet", name], capture_output=True, check=False)
    kept(name).unlink(missing_ok=True)
    with (
        bar(total=1, desc="clinic", unit=" training", leave=False) as shown,
        started(overrides, name, LAST) as process,
    ):
        watch(process, name, shown)
    measures, seconds = {}, 0.0
    if not process.returncode:
        measures = _read(name, "outputs/train/metrics.json") | _read(name, "outputs/diagnose/metrics.json")
        values = _read(name, "outputs/diagnose/findings.json")
        seconds = _read(name, "outputs/train/run.json")["seconds"]
    elif kept(name).is_file():
        values = read_json(kept(name))
    else:
        raise VaelineError(failure(name))
    return {
        "overrides": list(overrides),
        "findings": values["findings"],
        "measures": measures,
        "seconds": seconds,
    }


def _read(name: str, path: str) -> dict[str, Any]:
    return json.loads(dvc.api.read(path, rev=name))
