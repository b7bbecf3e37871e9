"""Small git repositories with committed params, or with the results of a small pipeline."""

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from vaeline.config import ExperimentConfig
from vaeline.experiments.find import Experiment
from vaeline.provenance.dependencies import dependency_hash
from vaeline.runtime.stage import MEASURED_STAGES

CODE = "src/vaeline/model.py"
FOLDER = "src/vaeline/data"  # of code, on which the pipeline depends as a whole
DEFAULT = ExperimentConfig().to_dict()


def git(*arguments: str) -> str:
    return subprocess.check_output(["git", *arguments], text=True).strip()


def dump(path: str, content: dict[str, Any]) -> None:
    with Path(path).open("w") as file:
        YAML().dump(content, file)


def commit_params(params: dict[str, Any]) -> None:
    """Makes a repository in the current folder with `params` committed as params.yaml."""
    start_repository()
    dump("params.yaml", params)
    git("add", "-A")
    git("commit", "-qm", "params")


def start_repository() -> None:
    git("init", "-q")
    git("config", "user.name", "test")
    git("config", "user.email", "test@example.com")


def ran(params: dict[str, Any], elbo: float) -> None:
    """Writes what a run of the pipeline leaves in the workspace: params, metrics and the lock file."""
    dump("params.yaml", params)
    for stage in MEASURED_STAGES:
        Path(f"outputs/{stage}").mkdir(parents=True, exist_ok=True)
        Path(f"outputs/{stage}/metrics.json").write_text(json.dumps({"elbo": elbo}))
    deps = [
        {"path": CODE, "md5": hashlib.md5(Path(CODE).read_bytes()).hexdigest()},
        {"path": FOLDER, "md5": dependency_hash(FOLDER)},
    ]
    recorded = {"params.yaml": {"beta": params["beta"], "data": params["data"]}}
    entry = {"cmd": "run me", "deps": deps, "params": recorded}
    dump("dvc.lock", {"stages": {"train": entry}})


def keep(name: str) -> Experiment:
    """Makes an experiment of the workspace, as DVC does, and resets the workspace."""
    head = git("rev-parse", "HEAD")
    git("add", "-A")
    rev = git("commit-tree", git("write-tree"), "-p", head, "-m", name)
    git("update-ref", f"refs/exps/{head[:2]}/{head[2:]}/{name}", rev)
    git("reset", "-q", "--hard")
    return Experiment(name, rev)


def results() -> None:
    """Makes a repository in the current folder with the results of a first run committed."""
    start_repository()
    Path(FOLDER).mkdir(parents=True)
    Path(FOLDER, "digits.py").write_text("two = 2\n")
    Path(CODE).write_text("one = 1\n")
    Path(".dvcignore").write_text("__pycache__/\n")
    stage = {"cmd": "run me", "deps": [CODE, FOLDER, "data"], "params": ["beta", "data"]}
    dump("dvc.yaml", {"stages": {"train": stage}})
    ran(DEFAULT, -1.0)
    git("add", "-A")
    git("commit", "-qm", "results")
