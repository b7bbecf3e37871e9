"""Clones of the repository on a node of a cluster, one for each job."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vaeline.core.errors import VaelineError
from vaeline.core.files import write_text
from vaeline.provenance.git import git

CLONE_BRANCH = "search"


@dataclass(frozen=True)
class SentRepository:
    """What a node needs of the repository that a search runs in.

    Attributes:
        key: Names the repository.
        commit: What is checked out.
        history: The commit with its history, as git bundles it.
        settings: The content of .dvc/config.local: a shared cache, and what opens the remote.
        remote: Whether there is a DVC remote, to pull from and to push to.
        variables: Variables of the environment that stages need, such as MLFLOW_TRACKING_URI.
    """

    key: str
    commit: str
    history: bytes
    settings: str
    remote: bool
    variables: Mapping[str, str]


def workspace_of(sent: SentRepository, place: str) -> Path:
    """Returns the folder of a job's clone on this node."""
    return _cache_folder(sent) / "jobs" / place


def make_clone(sent: SentRepository, folder: Path) -> None:
    """Makes the clone of a job, unless an earlier one is there; all of a node share one cache of DVC's.

    Raises:
        VaelineError: If git or DVC fails.
    """
    ready, upstream = folder / ".scratch" / "ready", _upstream(folder)
    if ready.exists():
        return
    for left in (folder, upstream):
        shutil.rmtree(left, ignore_errors=True)
    folder.mkdir(parents=True)
    bundle = folder.with_name(f"{folder.name}.bundle")
    bundle.write_bytes(sent.history)
    git("init", "--quiet", "--bare", str(upstream))  # `dvc exp push` needs a remote of git's
    git("-C", str(upstream), "fetch", "--quiet", str(bundle), f"HEAD:refs/heads/{CLONE_BRANCH}")
    bundle.unlink()
    git("clone", "--quiet", "--branch", CLONE_BRANCH, str(upstream), str(folder))
    write_text(folder / ".dvc" / "config.local", sent.settings)
    if "[cache]" not in sent.settings:
        run_dvc("config", "--local", "cache.dir", str(_cache_folder(sent) / "cache"), folder=folder)
    write_text(ready, "")


def remove_clone(folder: Path) -> None:
    """Removes the clone of a job, and what it was cloned from."""
    for left in (folder, _upstream(folder)):
        shutil.rmtree(left)


def run_dvc(*arguments: str, folder: Path | None = None) -> None:
    """Runs a command of DVC; raises VaelineError with the first line of its errors if it fails."""
    command = [sys.executable, "-m", "dvc", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no message"])[0]
        raise VaelineError(f"{shlex.join(['dvc', *arguments])}: {reason}")


def _cache_folder(sent: SentRepository) -> Path:
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return home / "vaeline" / f"{sent.key}-{sent.commit[:10]}"


def _upstream(folder: Path) -> Path:
    """Returns the folder that a clone was cloned from."""
    return folder.with_name(f"{folder.name}.git")
