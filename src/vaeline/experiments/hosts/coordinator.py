"""Host 0 knows which hosts have joined, and tells them when a shared stage starts."""

import contextlib
import socket
import sys
import threading
from collections.abc import Iterator
from typing import Any

from vaeline.core.errors import VaelineError
from vaeline.runtime.agreement import HostFacts, host_facts, reject_differences
from vaeline.runtime.connections import Messages
from vaeline.runtime.hosts import Hosts


class Coordinator:
    """Host 0's side: which hosts have joined, and what they are told."""

    def __init__(self, hosts: Hosts) -> None:
        self.hosts = hosts
        self._facts = host_facts("host 0", with_data=False)
        self._joined: dict[int, Messages] = {}
        self._refused = ""
        self._changed = threading.Condition()

    @classmethod
    @contextlib.contextmanager
    def listening(cls, hosts: Hosts) -> Iterator["Coordinator"]:
        """Listens for the other hosts within the block; raises VaelineError if the port is taken."""
        try:
            server = socket.create_server(("", hosts.port))
        except OSError as error:
            raise VaelineError(
                f"RDZV_ENDPOINT: cannot listen at port {hosts.port} ({error.strerror}): use a free one"
            ) from None
        coordinator = cls(hosts)
        with server:
            threading.Thread(target=coordinator._accept, args=(server,), daemon=True).start()
            try:
                yield coordinator
            finally:
                with contextlib.suppress(OSError):  # not every system can
                    server.shutdown(socket.SHUT_RDWR)  # or the thread would keep the port

    def wait_for_all(self, patience: float) -> None:
        """Waits until every host has joined.

        Raises:
            VaelineError: if one does not within `patience` seconds, or differs from this one.
        """
        with self._changed:
            if missing := self._missing():
                print(f"vaeline hosts: waiting at port {self.hosts.port} for {missing}", file=sys.stderr)
            if not self._changed.wait_for(lambda: self._refused or not self._missing(), patience):
                raise VaelineError(
                    f"{self._missing()} did not come within {patience:g} s: start the same command there, "
                    "with NODE_RANK set to the number of the host"
                )
            if self._refused:
                raise VaelineError(self._refused)

    def end(self, status: int) -> None:
        """Tells all hosts that the command has ended."""
        with self._changed:
            for messages in self._joined.values():
                _send_if_there(messages, end=status)

    def _accept(self, server: socket.socket) -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:  # the block has ended
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        """Answers a host, which stays connected, or a stage that starts here, which does not."""
        with connection, contextlib.suppress(OSError, ValueError, KeyError):
            messages = Messages(connection)
            first = messages.receive()
            if "stage" in first:
                messages.send(**self._announce(first))
            else:
                self._admit(int(first["host"]), first["facts"], messages)

    def _admit(self, number: int, facts: HostFacts, messages: Messages) -> None:
        with self._changed:
            if refused := self._reason_against(number, facts):
                self._refused = refused
                self._changed.notify_all()
                messages.send(refused=refused)
                return
            self._joined[number] = messages
            self._changed.notify_all()
        try:
            messages.receive()  # a host says no more: this ends when it does
        finally:
            with self._changed:
                self._joined.pop(number, None)

    def _reason_against(self, number: int, facts: HostFacts) -> str:
        if number in self._joined or not 0 < number < self.hosts.count:
            return f"NODE_RANK = {number} is taken, or not below NNODES = {self.hosts.count}"
        try:
            reject_differences([self._facts, facts])
        except VaelineError as error:
            return str(error)
        return ""

    def _announce(self, stage: dict[str, Any]) -> dict[str, str]:
        with self._changed:
            if missing := self._missing():
                return {"refused": f"{missing} left: start the same command on every host"}
            for messages in self._joined.values():
                _send_if_there(messages, **stage)
        return {}

    def _missing(self) -> str:
        """Returns which hosts are not here, in words."""
        numbers = [str(i) for i in range(1, self.hosts.count) if i not in self._joined]
        return f"host{'s' if len(numbers) > 1 else ''} {', '.join(numbers)}" if numbers else ""


def _send_if_there(messages: Messages, **message: Any) -> None:
    with contextlib.suppress(OSError):  # who waits for its reply learns that it is gone
        messages.send(**message)
