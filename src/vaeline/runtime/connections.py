"""Connections between hosts, which the kernel ends once the other host no longer answers.

A process that waits for another cannot tell a host that works from one that is gone. The kernels can: they
ask each other (TCP keepalive), whatever the processes do, so that one may work alone for as long as it likes.
"""

import contextlib
import json
import os
import socket
from collections.abc import Iterator
from typing import Any, Self

import psutil

from vaeline.core.errors import VaelineError

LOST_AFTER = 25  # seconds without an answer
# Not every system has all of them. The last, in milliseconds, counts where something was sent.
KEEPALIVE = {
    "TCP_KEEPIDLE": 5,
    "TCP_KEEPINTVL": 5,
    "TCP_KEEPCNT": LOST_AFTER // 5 - 1,
    "TCP_USER_TIMEOUT": 1000 * LOST_AFTER,
}


def notice_loss(connection: socket.socket) -> None:
    """Has the kernel end `connection` once the other host has not answered for LOST_AFTER seconds."""
    for name, value in KEEPALIVE.items():
        if hasattr(socket, name):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)


def notice_loss_of_all() -> None:
    """Does so for every connection that this process has, such as those of torch."""
    for connection in psutil.Process().net_connections("tcp"):
        if connection.status == psutil.CONN_ESTABLISHED:
            with socket.socket(fileno=os.dup(connection.fd)) as same:
                notice_loss(same)


class OtherProgramError(ConnectionError):
    """What came over a connection is no message."""


class Messages:
    """Messages over a connection, each a line of JSON."""

    def __init__(self, connection: socket.socket) -> None:
        notice_loss(connection)
        self._connection = connection
        self._lines = connection.makefile("r", encoding="utf-8")

    @classmethod
    @contextlib.contextmanager
    def to(cls, address: tuple[str, int]) -> Iterator[Self]:
        """Connects to who listens at `address`; raises OSError if nobody does."""
        with socket.create_connection(address, timeout=LOST_AFTER) as connection:
            connection.settimeout(None)
            yield cls(connection)

    def send(self, **message: Any) -> None:
        """Sends a message; raises OSError if the connection is lost."""
        self._connection.sendall(f"{json.dumps(message)}\n".encode())

    def receive(self) -> dict[str, Any]:
        """Returns the next message.

        Raises:
            OSError: if the connection is lost, or is closed over there; `OtherProgramError` if it brings
                something else than messages.
            VaelineError: if the message says what the other side refuses.
        """
        try:
            line = self._lines.readline()
            message = json.loads(line) if line.endswith("\n") else None
        except ValueError:
            raise OtherProgramError("another program answers") from None
        if message is None:
            raise ConnectionResetError("it was closed")
        if not isinstance(message, dict):
            raise OtherProgramError("another program answers")
        if refused := message.get("refused"):
            raise VaelineError(refused)
        return message
