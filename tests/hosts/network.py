"""Two hosts on one machine: network namespaces joined by a link (a veth pair) that can be cut."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

from vaeline.core.errors import VaelineError

NAMES = ("vaeline0", "vaeline1")
ADDRESSES = ("10.77.0.1", "10.77.0.2")
NOBODY = "02:00:00:00:00:99"  # an Ethernet address that neither has


def _ip(*arguments: str) -> str:
    return subprocess.check_output(["ip", *arguments], text=True)


@contextlib.contextmanager
def linked_namespaces() -> Iterator[None]:
    """Makes both namespaces with an address each; after the block they and all in them end.

    Raises:
        VaelineError: If one is there already, which may be in use; nothing in it is touched.
    """
    if taken := [name for name in NAMES if Path("/run/netns", name).exists()]:
        end = "; ".join(f"ip netns del {name}" for name in taken)
        raise VaelineError(f"the network namespaces {', '.join(taken)} exist: if nothing uses them, {end}")
    try:
        for name in NAMES:
            _ip("netns", "add", name)
        _ip("link", "add", NAMES[0], "type", "veth", "peer", "name", NAMES[1])
        for name, address in zip(NAMES, ADDRESSES, strict=True):
            _ip("link", "set", name, "netns", name)
            _ip("-n", name, "addr", "add", f"{address}/24", "dev", name)
            for device in ("lo", name):
                _ip("-n", name, "link", "set", device, "up")
        yield
    finally:
        for number, name in enumerate(NAMES):
            kill_host(number)
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)


def cut_link() -> None:
    """Has all that the hosts send each other get lost; neither is told."""
    for name, other in zip(NAMES, reversed(ADDRESSES), strict=True):
        _ip("-n", name, "neigh", "replace", other, "lladdr", NOBODY, "nud", "permanent", "dev", name)


def mend_link() -> None:
    """Has the hosts reach each other again."""
    for name, other in zip(NAMES, reversed(ADDRESSES), strict=True):
        _ip("-n", name, "neigh", "del", other, "dev", name)


def kill_host(number: int) -> None:
    """Kills every process of a host."""
    while pids := _ip("netns", "pids", NAMES[number]).split():
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
