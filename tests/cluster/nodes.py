"""Nodes of a Ray cluster, each with one CPU, on the hosts of `tests.hosts.network`."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.hosts.network import ADDRESSES, NAMES, kill_host, linked_namespaces

PORT = 6379
TRIES = 6
# With fixed ports a node does not wait for its agents, for which it has 15 seconds.
AGENT_PORTS = {
    "runtime-env-agent": 6381,
    "dashboard-agent-grpc": 6382,
    "dashboard-agent-listen": 6383,
    "metrics-export": 6384,
}
STARTED = "Ray runtime started"
BIN = Path(sys.executable).parent
# Workers are not niced, and a lost host is noticed after some seconds, not after a minute.
SETTINGS = {
    "RAY_worker_niceness": "0",
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_failure_threshold": "5",
    "RAY_health_check_timeout_ms": "2000",
}


class Node:
    """A Ray node on one host. On the first host it is the head of the cluster.

    Attributes:
        folder: What its jobs keep: it is no other host's.
    """

    def __init__(self, number: int, folder: Path) -> None:
        self._number, self.folder = number, folder / f"host{number}"
        self.folder.mkdir(parents=True)

    @property
    def environment(self) -> dict[str, str]:
        """The variables of all processes on its host."""
        own = {"PATH": f"{BIN}:{os.environ['PATH']}", "XDG_CACHE_HOME": str(self.folder)}
        return os.environ | SETTINGS | own

    def start(self) -> None:
        """Starts it, and waits until it is up.

        Ray gives up on a node that takes longer than 30 seconds, as on a busy machine.
        """
        said = self.folder / "ray.log"
        for _ in range(TRIES):
            with said.open("wb") as log:
                command = self.inside("ray", "start", "--block", *self._options())
                process = subprocess.Popen(command, stdout=log, stderr=log, env=self.environment)
            while process.poll() is None:
                if STARTED in said.read_text(errors="replace"):
                    return
                time.sleep(0.5)
            self.kill()
        raise RuntimeError(f"{NAMES[self._number]}: {said.read_text(errors='replace')[-2000:]}")

    def _options(self) -> list[str]:
        if self._number:
            place = [f"--address={ADDRESSES[0]}:{PORT}"]
        else:  # whose sockets are files, with names of 107 characters at most
            sockets = f"--temp-dir={self.folder.parent / 'ray'}"
            place = ["--head", f"--port={PORT}", "--include-dashboard=false", sockets]
        return [
            *place,
            *(f"--node-ip-address={ADDRESSES[self._number]}", "--num-cpus=1", "--disable-usage-stats"),
            "--object-store-memory=100000000",
            *(f"--{name}-port={port}" for name, port in AGENT_PORTS.items()),
        ]

    def inside(self, *command: str) -> list[str]:
        """Returns the command that runs `command` on its host."""
        return ["ip", "netns", "exec", NAMES[self._number], *command]

    def kill(self) -> None:
        """Kills every process of its host at once."""
        kill_host(self._number)


@contextmanager
def cluster_of(count: int, folder: Path) -> Iterator[list[Node]]:
    """Yields so many nodes, at most two, that run."""
    with linked_namespaces():
        nodes = [Node(number, folder) for number in range(count)]
        for node in nodes:
            node.start()
        yield nodes
