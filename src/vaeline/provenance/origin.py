"""The origin of a result: commit, experiment, versions, machine, and changes from the committed params."""

import contextlib
import functools
import os
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from vaeline.core.errors import VaelineError
from vaeline.core.params import flatten_params, param_text
from vaeline.core.yaml import parse_yaml
from vaeline.provenance.git import git_or_empty
from vaeline.provenance.hardware import hardware

# The code of a result. Neither params, which are recorded whole, nor results, which each run rewrites.
SOURCES = ("src", "stages", "dvc.yaml", "requirements.txt")
PACKAGES = ("torch", "torchvision", "numpy", "dvc", "mlflow", "pytorch-fid")


def unsaved_sources(*more: str) -> list[str]:
    """Returns the files of the code, and of the paths `more`, that differ from the commit."""
    status = git_or_empty("status", "--porcelain", "--untracked-files=no", "--", *SOURCES, *more)
    return [line.split()[-1] for line in status.splitlines()]


def origin_tags() -> dict[str, str]:
    """Returns what identifies code and machine: commit, whether code differs from it, versions, hardware."""
    code = {
        "git.commit": git_or_empty("rev-parse", "HEAD"),
        "git.dirty": str(bool(unsaved_sources())).lower(),
        "dvc.baseline": os.environ.get("DVC_EXP_BASELINE_REV", ""),
    }
    return {key: value for key, value in code.items() if value} | _versions() | hardware()


def _versions() -> dict[str, str]:
    """Returns the versions of those of `PACKAGES` that are installed."""
    versions = {}
    for package in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            versions[f"version.{package}"] = version(package)
    return versions


def experiment_tags() -> dict[str, str]:
    """Returns the name of the running DVC experiment, or nothing outside of one.

    For reports only: a training that resumes, or that experiments share, belongs to more than one.
    """
    name = os.environ.get("DVC_EXP_NAME", "")
    return {"dvc.experiment": name} if name else {}


def committed_params() -> dict[str, Any]:
    """Returns the params committed at the baseline, with dotted keys; an empty dict without git.

    What was committed in a file that cannot be read is not known either.
    """
    text = git_or_empty("show", f"{os.environ.get('DVC_EXP_BASELINE_REV', 'HEAD')}:./params.yaml")
    return dict(_params_in(text))


@functools.lru_cache(maxsize=1)  # a report asks for them five times, and parsing takes a tenth of a second
def _params_in(text: str) -> dict[str, Any]:
    with contextlib.suppress(VaelineError):
        return flatten_params(parse_yaml(text, "params.yaml"))
    return {}


def changed_params(params: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the params that differ from those committed at the baseline, dotted, in the latter's order."""
    now = flatten_params(params)
    return {
        key: now[key]
        for key, before in committed_params().items()
        if key in now and param_text(before) != param_text(now[key])
    }


def changes_text(params: Mapping[str, Any]) -> str:
    """Returns the changes from the params committed at the baseline, as `beta=4 seed=1`, or ""."""
    return " ".join(f"{key}={param_text(value)}" for key, value in changed_params(params).items())
