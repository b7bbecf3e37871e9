"""A cluster of Ray, on which every node has this version of the package."""

import contextlib
import socket
from collections.abc import Iterator

from vaeline import __version__
from vaeline.core.errors import VaelineError
from vaeline.experiments.search.jobs import Executor
from vaeline.experiments.search.ray_engine import engine, reason_of
from vaeline.experiments.search.ray_jobs import TO_ANSWER, RayExecutor
from vaeline.experiments.search.sending import sent_repository

LOCAL = "local"
TO_CONNECT = 5.0  # seconds


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
    sent = sent_repository(here=address == LOCAL)
    _connect(address)
    try:
        _check_nodes(cpus, gpus)
        yield RayExecutor(sent, at_once, cpus, gpus)
    finally:
        engine().shutdown()


def _connect(address: str) -> None:
    host, _, port = address.rpartition(":")
    try:
        if host and port.isdecimal():  # Ray itself would try for minutes
            socket.create_connection((host, int(port)), timeout=TO_CONNECT).close()
        engine().init(address, log_to_driver=False, logging_level="ERROR", include_dashboard=None)
    except (OSError, ValueError, RuntimeError) as error:
        raise VaelineError(
            f"no Ray cluster at {address} ({reason_of(error)}): `ray start --head` starts one on the machine "
            "where it is given, and `ray status` says what there is"
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
            reason = reason_of(error)
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
