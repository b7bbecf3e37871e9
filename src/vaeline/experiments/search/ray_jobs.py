"""Jobs on the nodes of a cluster: Ray places them, and notices the end of a node.

What a job does there is in `node`; which jobs there are, and what has become of them, is known to this
process alone.
"""

import contextlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from vaeline.core.files import replacing
from vaeline.experiments.launch import with_whole_path
from vaeline.experiments.remote import push_experiment
from vaeline.experiments.search.clones import SentRepository
from vaeline.experiments.search.jobs import Executor, Job, Progress, RunningJob
from vaeline.experiments.search.node import NodeJob, NodeReport
from vaeline.experiments.search.ray_engine import engine, reason_of
from vaeline.provenance.git import git

NODE_STATES = Path(".scratch/search/states")
LOSSES = 5  # nodes that one job may lose before it counts as failed
TO_ANSWER = 60.0  # seconds for a node's answer


class RayExecutor(Executor):
    """Runs jobs on the nodes of a cluster, each with CPUs and GPUs of its own."""

    def __init__(self, sent: SentRepository, at_once: int, cpus: float, gpus: float) -> None:
        self._sent, self._most, self._cpus, self._gpus = engine().put(sent), at_once, cpus, gpus

    @property
    def at_once(self) -> int:
        """How many jobs run at a time: as many as were asked for, or as fit now."""
        have = engine().cluster_resources()
        wanted = {"CPU": self._cpus, "GPU": self._gpus}
        fitting = [int(have.get(name, 0) // share) for name, share in wanted.items() if share]
        return self._most or max(1, min(fitting, default=1))

    def start(self, job: Job) -> RunningJob:
        """Starts a job where there is room for it."""
        return RayJob(replace(job, overrides=tuple(with_whole_path(job.overrides))), self._actor)

    def _actor(self, job: Job, state: bytes) -> Any:
        actor = engine().remote(_Actor).options(num_cpus=self._cpus, num_gpus=self._gpus, max_concurrency=1)
        return actor.remote(self._sent, job, state)


class _Actor:
    """The process on a node that runs one job."""

    def __init__(self, sent: SentRepository, job: Job, state: bytes) -> None:
        self._given = sent, job, state
        self._job: NodeJob | None = None

    def look(self) -> NodeReport:
        self._job = self._job or NodeJob(*self._given)
        return self._job.look()

    def stop(self) -> bytes:
        return self._job.stop() if self._job else b""

    def discard(self) -> None:
        if self._job:
            self._job.discard()


class RayJob(RunningJob):
    """A job on some node; if the node is lost, it continues on another from the last state that was sent."""

    def __init__(self, job: Job, make: Callable[[Job, bytes], Any]) -> None:
        self._job, self._make, self._losses = job, make, 0
        self._progress = Progress("waits for a node")
        self._begin()

    def _begin(self) -> None:
        state = _state_path(self._job)
        self._actor = self._make(self._job, state.read_bytes() if state.is_file() else b"")
        self._answer = self._actor.look.remote()

    def look(self) -> Progress:
        """Returns what its node has said last."""
        ready, _ = engine().wait([self._answer], timeout=0)
        if not ready or self._progress.ended:
            return self._progress
        try:
            report: NodeReport = engine().get(self._answer)
        except engine().exceptions.RayTaskError as error:
            self._progress = Progress(ended=True, reason=f"{self._job.name} failed: {reason_of(error.cause)}")
        except engine().exceptions.RayActorError:
            self._lost()
        else:
            self._take(report)
        return self._progress

    def _take(self, report: NodeReport) -> None:
        self._keep(report.state)
        if report.results:
            push_experiment(_fetched(report.results))
            with contextlib.suppress(engine().exceptions.RayError):
                engine().get(self._actor.discard.remote(), timeout=TO_ANSWER)
        self._progress = report.progress
        if not report.progress.ended:
            self._answer = self._actor.look.remote()
            return
        engine().kill(self._actor)
        if not report.progress.reason:
            _state_path(self._job).unlink(missing_ok=True)

    def _keep(self, state: bytes) -> None:
        if state:
            with replacing(_state_path(self._job), durable=False) as temporary:
                temporary.write_bytes(state)

    def _lost(self) -> None:
        self._losses += 1
        if self._losses > LOSSES:
            reason = f"{self._job.name} failed: it has lost its node {self._losses} times"
            self._progress = Progress(ended=True, reason=reason)
            return
        self._progress = Progress(
            f"its node was lost after epoch {self._progress.epoch}; it waits for another"
        )
        self._begin()

    def stop(self) -> None:
        """Stops it, and keeps the state of its training here."""
        with contextlib.suppress(engine().exceptions.RayError):
            self._keep(engine().get(self._actor.stop.remote(), timeout=TO_ANSWER))
        engine().kill(self._actor)


def _fetched(results: bytes) -> str:
    """Takes an experiment into this repository, and returns its name."""
    NODE_STATES.mkdir(parents=True, exist_ok=True)
    with replacing(NODE_STATES / "results.bundle", durable=False) as temporary:
        temporary.write_bytes(results)
        git("fetch", "--quiet", str(temporary), "+refs/exps/*:refs/exps/*")
        return git("bundle", "list-heads", str(temporary)).strip().rpartition("/")[2]


def _state_path(job: Job) -> Path:
    return NODE_STATES / f"{job.place}.tar"
