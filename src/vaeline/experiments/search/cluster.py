"""Jobs on a cluster of Ray: the only module that imports it.

Ray places the jobs and notices the end of a node. What a job does there is in `node`; which jobs there are,
and what has become of them, is known to this process alone.
"""

import contextlib
import functools
import hashlib
import os
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from dvc.repo import Repo

from vaeline import __version__
from vaeline.core.errors import VaelineError, warn_once
from vaeline.core.files import replacing
from vaeline.experiments.launch import with_whole_path
from vaeline.experiments.search.jobs import Executor, Job, Progress, RunningJob
from vaeline.experiments.search.node import NodeJob, NodeReport, SentRepository
from vaeline.provenance.git import git
from vaeline.provenance.origin import unsaved_sources

STATES = Path(".scratch/search/states")
PASSED_ON = ("MLFLOW_", "AWS_", "DVC_EXP_AUTO_PUSH")  # beginnings of variables that nodes are given
LOSSES = 5  # nodes that one job may lose before it counts as failed
TO_ANSWER = 60.0  # seconds for a node's answer
TO_CONNECT = 5.0  # seconds
NOT_ON_EACH_NODE = "MLFLOW_TRACKING_URI is not set: each node keeps its own runs, and MLflow here has none"


@functools.cache
def engine() -> Any:
    """Returns the package ray, which takes a while to import and need not be installed.

    Raises:
        VaelineError: It is not installed.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
        import ray.util.scheduling_strategies
    except ModuleNotFoundError as error:
        raise VaelineError(f"{error.name} is not installed: `pip install 'vaeline[ray]'`") from None
    return ray


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
            self._progress = Progress(
                ended=True, reason=f"{self._job.name} failed: {_last_line(error.cause)}"
            )
        except engine().exceptions.RayActorError:
            self._lost()
        else:
            self._take(report)
        return self._progress

    def _take(self, report: NodeReport) -> None:
        self._keep(report.state)
        if report.results:
            _fetch(report.results)
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


@contextlib.contextmanager
def cluster(address: str, at_once: int, cpus: float, gpus: float) -> Iterator[Executor]:
    """Yields what runs jobs on the cluster.

    Args:
        address: `host:port`, `auto` or `local`.
        at_once: Jobs at a time; 0: as many as fit.
        cpus: CPUs of each job.
        gpus: GPUs of each job.

    Raises:
        VaelineError: If the repository cannot be sent, the cluster cannot be reached, or a node has not this
            version of the package.
    """
    sent = sent_repository()
    _connect(address)
    try:
        _check_nodes(cpus, gpus)
        yield RayExecutor(sent, at_once, cpus, gpus)
    finally:
        engine().shutdown()


def sent_repository() -> SentRepository:
    """Returns what nodes need of this repository.

    Raises:
        VaelineError: If code or params are not committed, or if what trials make could not be had from here.
    """
    if files := unsaved_sources("params.yaml"):
        raise VaelineError(f"commit {', '.join(files)} first: a node gets the commit")
    with Repo() as repo:
        remote, shared = repo.config["core"].get("remote"), repo.config["cache"].get("dir")
    if not (remote or shared):
        raise VaelineError(
            "models would stay on the nodes that train them: `dvc remote add --default storage s3://…`, or "
            "`dvc cache dir --local` with a folder that all nodes share"
        )
    if not os.environ.get("MLFLOW_TRACKING_URI"):
        warn_once(NOT_ON_EACH_NODE)
    STATES.mkdir(parents=True, exist_ok=True)
    bundle, settings = STATES / "history.bundle", Path(".dvc/config.local")
    git("bundle", "create", "--quiet", str(bundle), "HEAD")
    history = bundle.read_bytes()
    bundle.unlink()
    key = hashlib.sha256(f"{socket.gethostname()} {Path.cwd()}".encode()).hexdigest()[:12]
    variables = {name: value for name, value in os.environ.items() if name.startswith(PASSED_ON)}
    text = settings.read_text() if settings.is_file() else ""
    return SentRepository(key, git("rev-parse", "HEAD").strip(), history, text, bool(remote), variables)


def _connect(address: str) -> None:
    host, _, port = address.rpartition(":")
    try:
        if host and port.isdecimal():  # Ray itself would try for minutes
            socket.create_connection((host, int(port)), timeout=TO_CONNECT).close()
        engine().init(address, log_to_driver=False, logging_level="ERROR", include_dashboard=None)
    except (OSError, ValueError, RuntimeError) as error:
        raise VaelineError(
            f"no Ray cluster at {address} ({_last_line(error)}): `ray start --head` starts one here, and "
            "`ray status` says what there is"
        ) from None


def _check_nodes(cpus: float, gpus: float) -> None:
    """Raises VaelineError if a node has another version of the package, or no node is large enough."""

    def installed(package: str) -> str:  # inside of a function, it is sent as it is and not by its name
        from importlib import metadata

        try:
            return metadata.version(package)
        except metadata.PackageNotFoundError:
            return ""

    asked = engine().remote(num_cpus=0)(installed)
    nodes = [node for node in engine().nodes() if node["Alive"]]
    for node in nodes:
        there = engine().util.scheduling_strategies.NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        answer = asked.options(scheduling_strategy=there).remote("vaeline")
        try:
            version = engine().get(answer, timeout=TO_ANSWER)
        except engine().exceptions.RayError as error:
            reason = _last_line(error)
            raise VaelineError(f"node {node['NodeManagerAddress']} does not answer: {reason}") from None
        if version != __version__:
            has = f"vaeline {version}" if version else "no vaeline"
            raise VaelineError(
                f"node {node['NodeManagerAddress']} has {has}, and this is {__version__}: install "
                f"'vaeline[ray]=={__version__}' there"
            )
    sizes = [node["Resources"] for node in nodes]
    if not any(size.get("CPU", 0) >= cpus and size.get("GPU", 0) >= gpus for size in sizes):
        raise VaelineError(
            f"no node has {cpus:g} CPUs and {gpus:g} GPUs, which --cpus and --gpus ask for; see `ray status`"
        )


def _fetch(results: bytes) -> None:
    """Takes an experiment into this repository."""
    STATES.mkdir(parents=True, exist_ok=True)
    with replacing(STATES / "results.bundle", durable=False) as temporary:
        temporary.write_bytes(results)
        git("fetch", "--quiet", str(temporary), "+refs/exps/*:refs/exps/*")


def _state_path(job: Job) -> Path:
    return STATES / f"{job.place}.tar"


def _last_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[-1]
