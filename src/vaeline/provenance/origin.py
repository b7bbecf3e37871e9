"""Where a result comes from: commit, experiment, versions, machine, and params beside the committed ones."""

import os
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from vaeline.core.params import flatten_params, param_text, parse_yaml
from vaeline.provenance.git import git_or_empty
from vaeline.provenance.hardware import hardware

# The code of a result; its params are recorded whole, and results are rewritten by every run.
SOURCES = ("src", "stages", "dvc.yaml", "requirements.txt")
PACKAGES = ("torch", "torchvision", "numpy", "dvc", "mlflow", "pytorch-fid")


def unsaved_sources(*more: str) -> list[str]:
    """Returns which files of the code, and of `more`, differ from what is committed."""
    changed = git_or_empty("status", "--porcelain", "--untracked-files=no", "--", *SOURCES, *more)
    return [line.split()[-1] for line in changed.splitlines()]


def origin_tags() -> dict[str, str]:
    """Returns what leads back to the code: git commit, whether it was changed since, versions, machine."""
    known = {
        "git.commit": git_or_empty("rev-parse", "HEAD"),
        "git.dirty": str(bool(unsaved_sources())).lower(),
        "dvc.baseline": os.environ.get("DVC_EXP_BASELINE_REV", ""),
    }
    versions = {f"version.{package}": version(package) for package in PACKAGES}
    return {key: value for key, value in known.items() if value} | versions | hardware()


def experiment_tags() -> dict[str, str]:
    """Returns the name of the DVC experiment that is running, if one is.

    A training that goes on after a kill, or is shared, belongs to several: only a report has one.
    """
    name = os.environ.get("DVC_EXP_NAME", "")
    return {"dvc.experiment": name} if name else {}


def committed_params() -> dict[str, Any]:
    """Returns the params committed at the baseline, with dotted keys; nothing where none are known."""
    params = git_or_empty("show", f"{os.environ.get('DVC_EXP_BASELINE_REV', 'HEAD')}:./params.yaml")
    return flatten_params(parse_yaml(params)) if params else {}


def changed_params(params: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what `params` change of those committed at the baseline, with dotted keys."""
    before, now = committed_params(), flatten_params(params)
    return {
        key: value
        for key, value in now.items()
        if key in before and param_text(before[key]) != param_text(value)
    }


def changes_text(params: Mapping[str, Any]) -> str:
    """Returns how `params` differ from those committed at the baseline: `beta=4 seed=1`, or ``."""
    return " ".join(f"{key}={param_text(value)}" for key, value in changed_params(params).items())
