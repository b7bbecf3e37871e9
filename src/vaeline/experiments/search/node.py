"""One job on a node of a cluster: in a clone of the repository, of which the results are sent back.

Nothing here knows what connects the nodes.
"""

import contextlib
import io
import os
import shlex
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vaeline.core.errors import VaelineError
from vaeline.core.files import write_text
from vaeline.experiments.find import find, params_with
from vaeline.experiments.remote import push_stages
from vaeline.experiments.search.jobs import Job, Progress
from vaeline.experiments.search.local import LocalJob, end_left_over
from vaeline.provenance.git import git
from vaeline.runtime.stage import STATES, trainings

CLONE_BRANCH = "search"
COPY_EVERY = 10.0  # seconds, at least, between two copies of a training's state


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


@dataclass(frozen=True)
class NodeReport:
    """What a node says of its job.

    Attributes:
        progress: How far it is.
        state: The state of its training as an archive, if it is newer than the last one sent.
        results: The experiment, as git bundles it, once it has ended.
    """

    progress: Progress
    state: bytes = b""
    results: bytes = b""


class NodeJob:
    """A job in a clone of its own, which is left as it is if the job does not end."""

    def __init__(self, sent: SentRepository, job: Job, state: bytes) -> None:
        """Starts it where its training stood, here or in the archive `state`.

        Raises:
            VaelineError: If the clone cannot be made, or DVC cannot run in it.
        """
        self._sent, self._job = sent, job
        self._copied, self._newest = time.monotonic(), ""
        folder = workspace_of(sent, job.place)
        os.environ.update(sent.variables)
        _make_clone(sent, folder)
        os.chdir(folder)
        end_left_over(job.name)
        unpack_states(state)
        self._finished = find(params_with(job.overrides))  # the command was killed before it could fetch it
        environment = {"PYTHONPATH": str(folder / "src")}
        self._local = None if self._finished else LocalJob(job, environment=environment, pull=sent.remote)

    def look(self) -> NodeReport:
        """Returns how far it is, with its results once it has ended."""
        progress = self._local.look() if self._local else Progress(ended=True)
        if not progress.ended:
            return NodeReport(progress, self._new_state())
        if progress.reason:
            return NodeReport(progress)
        return NodeReport(progress, results=self._results())

    def stop(self) -> bytes:
        """Stops it, and returns the state of its training."""
        if self._local:
            self._local.stop()
        return packed_states()

    def discard(self) -> None:
        """Removes the clone: everything in it has been sent or pushed."""
        for folder in (Path.cwd(), _upstream(Path.cwd())):
            shutil.rmtree(folder)

    def _new_state(self) -> bytes:
        newest = newest_state()
        if newest == self._newest or time.monotonic() - self._copied < COPY_EVERY:
            return b""
        started = time.monotonic()
        packed = packed_states()
        self._newest, took = newest, time.monotonic() - started
        self._copied = started + 10 * took  # copying takes a tenth of the time at most
        return packed

    def _results(self) -> bytes:
        experiment = self._finished or find(params_with(self._job.overrides))
        if experiment is None:
            raise VaelineError(f"{self._job.name} left no experiment on its node")
        if self._sent.remote:
            _dvc("exp", "push", "--quiet", "origin", experiment.name)
            push_stages()
        ref = git(
            "for-each-ref", "--format=%(refname)", f"--points-at={experiment.rev}", "refs/exps"
        ).split()[0]
        bundle = Path(".scratch/results.bundle")
        git("bundle", "create", str(bundle), ref, f"^{self._sent.commit}")
        return bundle.read_bytes()


def workspace_of(sent: SentRepository, place: str) -> Path:
    """Returns the folder of a job's clone on this node."""
    return _cache_folder(sent) / "jobs" / place


def newest_state() -> str:
    """Returns the name of the newest state of a training here, which says its epoch; "" without any."""
    return max((path.name for path in trainings().glob(f"*/{STATES}")), default="")


def _cache_folder(sent: SentRepository) -> Path:
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return home / "vaeline" / f"{sent.key}-{sent.commit[:10]}"


def _upstream(folder: Path) -> Path:
    """Returns the folder that a clone was cloned from."""
    return folder.with_name(f"{folder.name}.git")


def _make_clone(sent: SentRepository, folder: Path) -> None:
    """Makes the clone of a job, unless an earlier one is there; all of a node share one cache of DVC's."""
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
        _dvc("config", "--local", "cache.dir", str(_cache_folder(sent) / "cache"), folder=folder)
    write_text(ready, "")


def _dvc(*arguments: str, folder: Path | None = None) -> None:
    command = [sys.executable, "-m", "dvc", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no message"])[0]
        raise VaelineError(f"{shlex.join(['dvc', *arguments])}: {reason}")


def packed_states() -> bytes:
    """Returns the states of the trainings in this folder as an archive; b"" without any."""
    if not newest_state():
        return b""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for path in sorted(trainings().rglob("*")):
            # Not locks, nor what is being written; a file that has gone meanwhile is an old state.
            if path.is_file() and path.suffix != ".lock" and not path.name.startswith("."):
                with contextlib.suppress(FileNotFoundError):
                    archive.add(path, path.relative_to(trainings()))
    return packed.getvalue()


def unpack_states(state: bytes) -> None:
    """Writes the states that `packed_states` returned, unless there are newer ones here."""
    if not state:
        return
    with tarfile.open(fileobj=io.BytesIO(state)) as archive:
        newest = max(Path(name).name for name in archive.getnames() if Path(name).name.startswith("state_"))
        if newest > newest_state():
            shutil.rmtree(trainings(), ignore_errors=True)
            archive.extractall(trainings(), filter="data")
