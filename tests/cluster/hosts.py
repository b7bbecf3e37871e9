"""Hosts on one machine: network namespaces with processes of their own, which can be killed as a whole."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

BRIDGE = "vaesearch"
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
# A lost host is noticed after some seconds, and not after a minute.
WATCHFUL = {
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_failure_threshold": "5",
    "RAY_health_check_timeout_ms": "2000",
}


class Host:
    """A network namespace, in which a node of a Ray cluster with one CPU runs."""

    def __init__(self, number: int, folder: Path) -> None:
        self.name, self.address = f"vaesearch{number}", f"10.79.0.{number + 1}"
        self._leads, self._folder = number == 0, folder / f"host{number}"
        self._process: subprocess.Popen[bytes] | None = None
        _ip("netns", "add", self.name)
        inside, outside = f"vaes{number}i", f"vaes{number}o"
        _ip("link", "add", outside, "type", "veth", "peer", "name", inside, "netns", self.name)
        _ip("link", "set", outside, "master", BRIDGE, "up")
        for command in (
            f"addr add {self.address}/24 dev {inside}", "link set lo up", f"link set {inside} up",
            f"route add default dev {inside}",
        ):  # fmt: skip
            _ip("-n", self.name, *command.split())

    @property
    def environment(self) -> dict[str, str]:
        """The variables of its processes: it has a folder of its own for clones and caches."""
        path = f"{BIN}:{os.environ['PATH']}"
        own = {"PATH": path, "XDG_CACHE_HOME": str(self._folder), "OMP_NUM_THREADS": "1"}
        return os.environ | WATCHFUL | own

    def start(self) -> None:
        """Starts the node, the first one as the head of the cluster, and waits until it is up.

        Ray gives up on a node that takes longer than 30 seconds, as on a busy machine.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        for _ in range(TRIES):
            said = self._folder / "ray.log"
            with said.open("wb") as log:
                command = self.inside(*self._command())
                self._process = subprocess.Popen(command, stdout=log, stderr=log, env=self.environment)
            while self._process.poll() is None:
                if STARTED in said.read_text(errors="replace"):
                    return
                time.sleep(0.5)
        raise RuntimeError(f"{self.name}: {said.read_text(errors='replace')[-2000:]}")

    def _command(self) -> list[str]:
        place = ["--head", f"--port={PORT}"] if self._leads else [f"--address=10.79.0.1:{PORT}"]
        if self._leads:  # whose names of sockets may have 107 characters
            place += ["--include-dashboard=false", f"--temp-dir={tempfile.mkdtemp(prefix='ray', dir='/tmp')}"]
        return [
            *(
                "unshare",
                "--pid",
                "--fork",
                "--kill-child",
                "--mount-proc",
                str(BIN / "ray"),
                "start",
                *place,
            ),
            *("--block", f"--node-ip-address={self.address}", "--num-cpus=1", "--disable-usage-stats"),
            "--object-store-memory=100000000",
            *(f"--{name}-port={port}" for name, port in AGENT_PORTS.items()),
        ]

    def inside(self, *command: str) -> list[str]:
        """Returns the command that runs `command` on this host."""
        return ["ip", "netns", "exec", self.name, *command]

    def kill(self) -> None:
        """Kills every process of the node at once."""
        if self._process:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()

    def remove(self) -> None:
        """Kills the node, and removes the namespace."""
        self.kill()
        _ip("netns", "del", self.name)


@contextlib.contextmanager
def hosts(count: int, folder: Path) -> Iterator[list[Host]]:
    """Yields hosts that see each other, and nothing else."""
    _ip("link", "add", BRIDGE, "type", "bridge")
    _ip("link", "set", BRIDGE, "up")
    made: list[Host] = []
    try:
        for number in range(count):
            made.append(Host(number, folder))
        yield made
    finally:
        for host in made:
            host.remove()
        _ip("link", "del", BRIDGE)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)
