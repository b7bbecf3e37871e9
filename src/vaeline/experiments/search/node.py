"""One job on a node of a cluster: in a clone of the repository, of which the results are sent back.

Nothing here knows what connects the nodes.
"""

import os
import time
from dataclasses import dataclass
from pathlib import Path

from vaeline.core.errors import VaelineError
from vaeline.experiments.find import find, params_with
from vaeline.experiments.remote import push_stages
from vaeline.experiments.search.clones import (
    SentRepository,
    make_clone,
    remove_clone,
    run_dvc,
    workspace_of,
)
from vaeline.experiments.search.jobs import Job, Progress
from vaeline.experiments.search.local import LocalJob, end_left_over
from vaeline.experiments.search.states import newest_state, packed_states, unpack_states
from vaeline.provenance.git import git

COPY_EVERY = 10.0  # seconds, at least, between two copies of a training's state


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
        make_clone(sent, folder)
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
        remove_clone(Path.cwd())

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
            run_dvc("exp", "push", "--quiet", "origin", experiment.name)
            push_stages()
        ref = git(
            "for-each-ref", "--format=%(refname)", f"--points-at={experiment.rev}", "refs/exps"
        ).split()[0]
        bundle = Path(".scratch/results.bundle")
        git("bundle", "create", str(bundle), ref, f"^{self._sent.commit}")
        return bundle.read_bytes()
