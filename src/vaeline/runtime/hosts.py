"""Several hosts that work together: how many there are, which this is, and where they meet.

`vaeline hosts COMMAND` runs on each of them, with NNODES, NODE_RANK and RDZV_ENDPOINT set, as torchrun calls
them. The first host runs the command; the others run the shared stages that the first one announces.
"""

import ipaddress
import os
import socket
from dataclasses import dataclass
from typing import Self

import psutil

from vaeline.core.errors import VaelineError
from vaeline.runtime.connections import Messages

STAGE_PORT = "VAELINE_STAGE_PORT"
"""The variable in which `vaeline hosts` tells a stage on a further host where the first host's meets it."""
_EXAMPLE = "`NNODES=2 NODE_RANK=0 RDZV_ENDPOINT=10.0.0.1:29500 make repro`"


@dataclass(frozen=True)
class Hosts:
    """What this host knows of all of them.

    Attributes:
        count: how many there are, NNODES.
        rank: the number of this one, NODE_RANK; host 0 is the one that runs DVC.
        name: the name or the address of host 0, from RDZV_ENDPOINT.
        port: where `vaeline hosts` listens there.
    """

    count: int
    rank: int
    name: str
    port: int

    @classmethod
    def from_environment(cls) -> Self | None:
        """Returns them, or None where NNODES is not set or is 1.

        Raises:
            VaelineError: for a variable that is missing or wrong, and an address that is not known here.
        """
        count = _number("NNODES", "1", "is not a number of hosts: use 1 or more", least=1)
        if count == 1:
            return None
        rank = _number("NODE_RANK", "", f"is not a number of a host: use 0 to {count - 1}, 0 where DVC runs")
        if rank >= count:
            raise VaelineError(f"NODE_RANK = '{rank}' of NNODES = {count} hosts: use 0 to {count - 1}")
        endpoint = os.environ.get("RDZV_ENDPOINT", "")
        name, _, port = endpoint.rpartition(":")
        if not name or not port.isdecimal() or not 0 < int(port) < 65536:
            raise VaelineError(
                f"RDZV_ENDPOINT = '{endpoint}' is not the address and a free port of host 0: {_EXAMPLE}"
            )
        reject_unknown_address("RDZV_ENDPOINT", name, here=rank == 0)
        return cls(count, rank, name.strip("[]"), int(port))

    def stage_port(self, stage: str) -> int:
        """Returns the port of host 0 at which the processes of `stage` meet, and has the other hosts join.

        Raises:
            VaelineError: where `vaeline hosts` does not run, a host is missing, or this is not host 0.
        """
        if joins():
            return int(os.environ[STAGE_PORT])
        if self.rank > 0:
            raise VaelineError(
                f"NODE_RANK = {self.rank}: DVC runs on host 0: join it, `vaeline hosts dvc repro`"
            )
        port = _free_port()
        try:
            with Messages.to((self.name, self.port)) as messages:
                messages.send(stage=stage, port=port)
                messages.receive()
        except OSError:
            raise VaelineError(
                f"NNODES = {self.count}, but nothing answers at {self.name}:{self.port}: start "
                "`vaeline hosts dvc repro` on every host"
            ) from None
        return port


def joins() -> bool:
    """Returns whether `vaeline hosts` started this process to join a stage that another host leads."""
    return STAGE_PORT in os.environ


def reject_unknown_address(variable: str, name: str, here: bool) -> None:
    """Raises VaelineError unless `name` is an address, or the name of one.

    Args:
        variable: where it was read from.
        name: the address or name of the host that the others connect to.
        here: whether that is this host, which must not know itself by an address that the others cannot use.
    """
    try:
        address = socket.getaddrinfo(name.strip("[]"), None)[0][4][0]
    except OSError as error:
        raise VaelineError(
            f"{variable} = '{name}': no such address ({error.strerror}): use one of host 0 in the network of "
            "all hosts; `hostname -I` there lists them"
        ) from None
    if here and ipaddress.ip_address(address).is_loopback and not _is_loopback(name):
        raise VaelineError(
            f"{variable} = '{name}' is {address} on this host (/etc/hosts), where no other host reaches it: "
            "use its address in the network; `hostname -I` lists them"
        )


def use_interface_to(name: str) -> None:
    """Has torch listen on the network interface from which `name` is reached, unless the user names one.

    It would choose the one with the address of the host's own name, which is often 127.0.1.1.
    """
    family, kind, _, _, address = socket.getaddrinfo(name, 9, type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, kind) as probe:
        probe.connect(address)  # sends nothing
        own = probe.getsockname()[0]
    of_interface = {a.address: interface for interface, all_ in psutil.net_if_addrs().items() for a in all_}
    for variable in ("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME"):
        if own in of_interface:
            os.environ.setdefault(variable, of_interface[own])


def _number(variable: str, default: str, fault: str, least: int = 0) -> int:
    given = os.environ.get(variable, default)
    if not given.isdecimal() or int(given) < least:
        raise VaelineError(f"{variable} = '{given}' {fault}")
    return int(given)


def _is_loopback(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def _free_port() -> int:
    with socket.create_server(("", 0)) as server:
        port: int = server.getsockname()[1]
        return port
