"""DVC experiments from Python: finds the one that has given params at this code, and reads its metrics.

An experiment runs in a copy of the repository (`dvc exp run --temp`), so that params.yaml and outputs/ of the
workspace stay as they are. An experiment that has already run, under any name and at any commit, is found and
not run again. DVC's run cache does the same for single stages.
"""

import contextlib
import functools
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vaeline.core.errors import VaelineError
from vaeline.core.params import flatten_params, param_text
from vaeline.core.yaml import parse_yaml, read_yaml
from vaeline.experiments.overrides import parsed_override
from vaeline.experiments.variation import varied
from vaeline.provenance.closure import is_code
from vaeline.provenance.dependencies import dependency_hash, files_in, stage_dependencies
from vaeline.provenance.git import git
from vaeline.runtime.stage import MEASURED_STAGES

# refs/exps/<commit that it varies>/<name>; other refs below refs/exps (queue, stash) are DVC's own.
EXPERIMENT_REF = re.compile(r"([0-9a-f]{40}) refs/exps/[0-9a-f]{2}/[0-9a-f]{38}/(\S+)")

Texts = dict[str, str]
"""Params with dotted keys, their values as text."""
StageRun = tuple[str, Texts, dict[str, str]]
"""A stage's command, its params, and the hash of each entry of its code and of the user's own data."""

PATH_PARAM = "data.path"
"""The param that is a path: experiments in a copy are given it whole, since the copy may lack the data."""


@dataclass(frozen=True)
class Experiment:
    """A finished experiment, or the committed results themselves (`name` = "HEAD")."""

    name: str
    rev: str


def params_with(overrides: Sequence[str]) -> dict[str, Any]:
    """Returns params.yaml with `key=value` overrides.

    Raises:
        VaelineError: If a key or a value is wrong.
    """
    changes = dict(map(parsed_override, overrides))
    where = "params.yaml with these changes" if changes else "params.yaml"
    return varied(read_yaml("params.yaml"), changes, where).to_dict()


def find(params: Mapping[str, Any]) -> Experiment | None:
    """Returns the newest experiment with exactly `params` that ran this workspace's code, if there is one.

    The committed results count as well. What is compared is what dvc.lock recorded of each stage when it ran:
    command, params, and the hash of every entry of code among its dependencies, and of the user's own data.
    """
    wanted, expected = _texts(params), expected_stages(params)
    head = Experiment("HEAD", git("rev-parse", "HEAD").strip())
    named = frozenset(path for _, _, hashes in expected.values() for path in hashes if not is_code(path))
    for experiment in [*experiments(), head]:
        with contextlib.suppress(VaelineError):  # a commit without the pipeline's results
            if _committed(experiment.rev) == wanted and _recorded(experiment.rev, named) == expected:
                metrics_at(experiment.rev)
                return experiment
    return None


def metrics_at(rev: str) -> dict[str, float | str]:
    """Returns every stage's metrics at a revision as `<stage>/<name>`.

    Raises:
        VaelineError: If the revision has none.
    """
    return {
        f"{stage}/{name}": value
        for stage in MEASURED_STAGES
        for name, value in json.loads(_show(rev, f"outputs/{stage}/metrics.json")).items()
    }


def experiments() -> list[Experiment]:
    """Returns all finished experiments, newest first."""
    listed = git("for-each-ref", "--sort=-committerdate", "--format=%(objectname) %(refname)", "refs/exps")
    return [Experiment(m[2], m[1]) for m in map(EXPERIMENT_REF.fullmatch, listed.splitlines()) if m]


def expected_stages(params: Mapping[str, Any]) -> dict[str, StageRun]:
    """Returns what this workspace would run of each stage."""
    hash_of = functools.cache(_dependency_hash)  # most stages share most of their code
    expected = {}
    for stage, entry in read_yaml("dvc.yaml")["stages"].items():
        paths = zip(entry["deps"], stage_dependencies(stage, params), strict=True)
        inputs = [path for written, path in paths if is_code(path) or path != written]
        own = {key: params[key] for key in entry.get("params", [])}
        expected[stage] = (entry["cmd"], _texts(own), {_place(path): hash_of(path) for path in inputs})
    return expected


def _dependency_hash(path: str) -> str:
    if is_code(path):
        return dependency_hash(path)
    files = [(str(file), file.stat()) for file in files_in(Path(path))]
    return _hash_in_state(path, hash(tuple((name, at.st_size, at.st_mtime_ns) for name, at in files)))


@functools.cache
def _hash_in_state(path: str, state: int) -> str:  # noqa: ARG001 (a sweep asks for large folders many times)
    return dependency_hash(path)


def _committed(rev: str) -> Texts:
    """Returns the params of a commit; compared first, since dvc.lock takes fifty times as long to parse."""
    return _texts(_content(rev, "params.yaml"))


def _recorded(rev: str, named: frozenset[str]) -> dict[str, StageRun]:
    """Returns what dvc.lock says of the stages that led to the results at `rev`, and of the paths `named`."""
    return {
        stage: (
            entry["cmd"],
            _texts(entry.get("params", {}).get("params.yaml", {})),
            {place: d["md5"] for d in entry["deps"] if is_code(place := _place(d["path"])) or place in named},
        )
        for stage, entry in _content(rev, "dvc.lock")["stages"].items()
    }


@functools.cache  # of the content alone: where a relative path leads depends on the repository too
def _content(rev: str, path: str) -> dict[str, Any]:
    return parse_yaml(_show(rev, path), f"{path} at {rev[:10]}")


def _texts(params: Mapping[str, Any]) -> Texts:
    texts = {key: param_text(value) for key, value in flatten_params(params).items()}
    return texts | {key: _place(texts[key]) for key in texts if key == PATH_PARAM}


def _place(path: str) -> str:
    """Returns the same text however the path is written; code stays relative to the repository."""
    return path if is_code(path) else os.path.abspath(path)  # noqa: PTH100 (follows no link, as DVC)


def _show(rev: str, path: str) -> str:
    return git("show", f"{rev}:./{path}")
