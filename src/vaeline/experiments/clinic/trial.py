"""One training of the clinic: run as a DVC experiment up to diagnose, and measured once."""

import hashlib
import io
import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dvc.api
import pandas as pd

from vaeline.core.errors import VaelineError
from vaeline.core.files import read_json, write_json
from vaeline.core.progress import bar
from vaeline.diagnosis.detection import run_detectors
from vaeline.diagnosis.finding import Finding, finding_from, load_findings
from vaeline.diagnosis.remedy_commands import with_remedy_commands
from vaeline.experiments.find import params_with
from vaeline.experiments.launch import failure, running_experiment, watch
from vaeline.experiments.watching import kept
from vaeline.provenance.closure import stage_code

RESULTS = Path(".scratch/clinic")
LAST = "diagnose"
STAGES = ("prepare", "check", "train", "fid_reference", LAST)
# What is made of the measures, in words, pictures and MLflow, changes none of them.
UNMEASURED = re.compile(r"vaeline/(findings/|commands|watching|plots/|gallery|tracking/)")


@dataclass(frozen=True)
class Trial:
    """What came of a training: its findings, and its measures by name, which are none where it diverged.

    `seconds` are those of its epochs, by the training's own clock.
    """

    findings: Sequence[Finding]
    measures: Mapping[str, float]
    seconds: float

    def found(self, name: str) -> Finding | None:
        """Returns the finding of that name, or None where it was not looked for."""
        return next((one for one in self.findings if one.name == name), None)


def trial(name: str, overrides: Sequence[str]) -> Trial:
    """Returns what came of the experiment `name`, or of an earlier one of these params at this code.

    The measures are kept, and looked at with the detectors as they are today. Raises VaelineError where it
    fails in another way than by a training that diverges.
    """
    path = RESULTS / f"{_made_of(overrides)}.json"
    if not path.is_file():
        if not _run(name, overrides):
            return Trial(load_findings(kept(name)), {}, 0.0)
        write_json(path, _measured(name, overrides))
    values = read_json(path)
    return Trial(_looked_at(values["measures"], overrides), values["measures"], values["seconds"])


def _made_of(overrides: Sequence[str]) -> str:
    code = sorted({file for stage in STAGES for file in stage_code(stage) if not UNMEASURED.search(file)})
    contents = [hashlib.sha256(Path(file).read_bytes()).hexdigest() for file in code]
    params = json.dumps([params_with(overrides), contents], sort_keys=True)
    return hashlib.sha256(params.encode()).hexdigest()[:12]


def _looked_at(measures: Mapping[str, float], overrides: Sequence[str]) -> list[Finding]:
    params = params_with(overrides)
    return with_remedy_commands(run_detectors(measures, params), params)


def _run(name: str, overrides: Sequence[str]) -> bool:
    """Returns whether the training ended well; it diverged if not."""
    subprocess.run(["dvc", "exp", "remove", "--quiet", name], capture_output=True, check=False)
    kept(name).unlink(missing_ok=True)
    with (
        bar(total=1, desc="clinic", unit=" training", leave=False) as shown,
        running_experiment(overrides, name, LAST) as process,
    ):
        watch(process, name, shown)
    if process.returncode and not kept(name).is_file():
        raise VaelineError(failure(name))
    return not process.returncode


def _measured(name: str, overrides: Sequence[str]) -> dict[str, Any]:
    measures = _json(name, "train/metrics.json") | _json(name, "diagnose/metrics.json")
    printed = [finding_from(values) for values in _json(name, "diagnose/findings.json")["findings"]]
    if printed != _looked_at(measures, overrides):
        raise VaelineError(f"{name}: diagnose printed other findings than its own measures give")
    history = pd.read_csv(io.StringIO(_text(name, "train/history.csv"))).set_index("epoch")
    measures["best_valid_elbo_se"] = float(history["valid_elbo_se"][measures["best_epoch"]])
    return {"measures": measures, "seconds": _json(name, "train/run.json")["seconds"]}


def _json(name: str, path: str) -> dict[str, Any]:
    return json.loads(_text(name, path))


def _text(name: str, path: str) -> str:
    return dvc.api.read(f"outputs/{path}", rev=name)
