"""A copy of the repository in which a small pipeline runs, with `digits`."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from vaeline.core.yaml import read_yaml

SMALL_RUN = {"epochs": 3, "iwae_k": 20, "fid_inception": "skip"}
LEFT_OUT = ("docs/", "tests/", "outputs/", "dvc.lock")  # what no stage reads, and what stages have written


def copy_repository(root: Path) -> None:
    """Copies what the pipeline needs to `root`, sets the params of a small run, and commits it."""
    listed = subprocess.check_output(["git", "ls-files"], text=True).split()
    for name in (name for name in listed if not name.startswith(LEFT_OUT) and Path(name).is_file()):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(name, root / name)
    set_params(root, SMALL_RUN | {"data": read_yaml(root / "params.yaml")["data"] | {"name": "digits"}})
    user = ("-c", "user.name=bench", "-c", "user.email=bench@localhost")
    for arguments in (("init", "-q"), ("add", "-A"), (*user, "commit", "-qm", "a copy")):
        run_in(root, "git", *arguments)


def set_params(root: Path, values: Mapping[str, Any]) -> None:
    """Sets keys at the top level of the copy's params.yaml."""
    YAML().dump(read_yaml(root / "params.yaml") | dict(values), root / "params.yaml")


def environment_in(root: Path) -> dict[str, str]:
    """Returns the environment of a command in the copy: that of a user who has activated this environment."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("DVC_", "MLFLOW_"))}
    paths = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONPATH": str(root / "src")}
    return inherited | paths


def run_in(root: Path, *command: str) -> str:
    """Returns what a command in the copy prints; raises RuntimeError, with its errors, if it fails."""
    done = subprocess.run(command, cwd=root, env=environment_in(root), capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr[-2000:]}")
    return done.stdout
