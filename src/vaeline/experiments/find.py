"""DVC experiments from Python: which one has given params at this code, and its metrics.

An experiment runs in a copy of the repository (`dvc exp run --temp`), so that params.yaml and outputs/ of the
workspace stay as they are. What has already run, under any name and at any commit, is found again and not
run anew; so are stages that only another experiment has run, by DVC's run-cache.
"""

import contextlib
import difflib
import functools
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vaeline.config import ExperimentConfig
from vaeline.core.errors import VaelineError
from vaeline.core.params import flatten_params, nest_params, param_text, parse_yaml, read_yaml, validated
from vaeline.provenance.closure import is_code
from vaeline.provenance.git import git
from vaeline.runtime.stage import MEASURED_STAGES

# refs/exps/<commit that it varies>/<name>; what else is there (queue, stash) is DVC's own.
REF = re.compile(r"([0-9a-f]{40}) refs/exps/[0-9a-f]{2}/[0-9a-f]{38}/(\S+)")


@dataclass(frozen=True)
class Experiment:
    """A finished experiment, or the committed results themselves (`name` = "HEAD")."""

    name: str
    rev: str


def params_with(overrides: Sequence[str]) -> dict[str, Any]:
    """Returns params.yaml with `key=value` overrides; raises VaelineError for a wrong key or value."""
    changes = {}
    for override in overrides:
        key, equals, value = override.partition("=")
        if not equals:
            raise VaelineError(f"'{override}' is no override: expected key=value, as in data.name=digits")
        changes[key] = parse_yaml(value)
    return varied(read_yaml("params.yaml"), changes).to_dict()


def varied(
    params: Mapping[str, Any], changes: Mapping[str, Any], where: str = "params.yaml"
) -> ExperimentConfig:
    """Returns `params` with `changes`, whose keys are dotted.

    Raises VaelineError, which begins with `where`, for a key that params do not have and for a wrong value.
    """
    values = flatten_params(params)
    if unknown := [key for key in changes if key not in values]:
        close = difflib.get_close_matches(unknown[0], values, n=1)
        meant = f" (did you mean '{close[0]}'?)" if close else ""
        raise VaelineError(f"{where}: unknown key '{unknown[0]}'{meant}")
    return validated(ExperimentConfig, nest_params(values | changes), where)


def find(params: Mapping[str, Any]) -> Experiment | None:
    """Returns the newest experiment with exactly `params` that ran this workspace's code, if there is one.

    The committed results count as well. Compared is what dvc.lock recorded of each stage when it ran:
    command, params and the hash of every file of code.
    """
    wanted, expected = _texts(params), _expected(params)
    head = Experiment("HEAD", git("rev-parse", "HEAD").strip())
    for experiment in [*experiments(), head]:
        with contextlib.suppress(VaelineError):  # a commit without the pipeline's results
            if _committed(experiment.rev) == wanted and _recorded(experiment.rev) == expected:
                metrics_at(experiment.rev)
                return experiment
    return None


def metrics_at(rev: str) -> dict[str, float | str]:
    """Returns every stage's metrics at a revision as `<stage>/<name>`; raises VaelineError without any."""
    return {
        f"{stage}/{name}": value
        for stage in MEASURED_STAGES
        for name, value in json.loads(_show(rev, f"outputs/{stage}/metrics.json")).items()
    }


def experiments() -> list[Experiment]:
    """Returns all finished experiments, newest first."""
    listed = git("for-each-ref", "--sort=-committerdate", "--format=%(objectname) %(refname)", "refs/exps")
    return [Experiment(m[2], m[1]) for m in map(REF.fullmatch, listed.splitlines()) if m]


def _expected(params: Mapping[str, Any]) -> dict[str, Any]:
    """Returns of each stage the command, the params and the code that this workspace would run."""
    code: dict[str, str] = {}
    expected = {}
    for stage, entry in read_yaml("dvc.yaml")["stages"].items():
        files = list(filter(is_code, entry["deps"]))
        code |= {f: hashlib.md5(Path(f).read_bytes()).hexdigest() for f in files if f not in code}
        handed = {key: params[key] for key in entry.get("params", [])}
        expected[stage] = (entry["cmd"], _texts(handed), {file: code[file] for file in files})
    return expected


@functools.cache
def _committed(rev: str) -> dict[str, str]:
    """Returns the params of a commit. Read before its dvc.lock, which takes fifty times as long to parse."""
    return _texts(parse_yaml(_show(rev, "params.yaml")))


@functools.cache
def _recorded(rev: str) -> dict[str, Any]:
    """Returns the same of the stages that dvc.lock says led to what `rev` holds."""
    return {
        stage: (
            entry["cmd"],
            _texts(entry.get("params", {}).get("params.yaml", {})),
            {d["path"]: d["md5"] for d in entry["deps"] if is_code(d["path"])},
        )
        for stage, entry in parse_yaml(_show(rev, "dvc.lock"))["stages"].items()
    }


def _texts(params: Mapping[str, Any]) -> dict[str, str]:
    return {key: param_text(value) for key, value in flatten_params(params).items()}


def _show(rev: str, path: str) -> str:
    return git("show", f"{rev}:./{path}")
