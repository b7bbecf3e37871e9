"""`vaeline hosts`: a command on the first of several hosts, whose shared stages the others join."""

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

from vaeline.core.errors import VaelineError
from vaeline.experiments.sessions import ready_for_ctrl_c, stop_session
from vaeline.runtime.agreement import HostFacts, host_facts, reject_differences
from vaeline.runtime.connections import Messages
from vaeline.runtime.hosts import STAGE_PORT, Hosts
from vaeline.runtime.stage import SHARED_STAGES

TRY_EVERY = 0.5  # seconds


def run_on_hosts(command: Sequence[str], patience: float) -> int:
    """Runs `command` on host 0, and on every other host its part of each shared stage; returns the status.

    Args:
        command: such as `dvc repro`.
        patience: seconds, at most, until all hosts have come.

    Raises:
        VaelineError: for wrong variables, a host that does not come, differs from the first, or is lost.
    """
    hosts = Hosts.from_environment()
    if hosts is None:
        return _run(command)
    if hosts.rank > 0:
        return _join(hosts, patience)
    with Meeting.listening(hosts) as meeting:
        meeting.wait_for_all(patience)
        status = _run(command)
        meeting.end(status)
        return status


class Meeting:
    """Host 0's side: who has joined, and what they are told."""

    def __init__(self, hosts: Hosts) -> None:
        self.hosts = hosts
        self._facts = host_facts("host 0", with_data=False)
        self._joined: dict[int, Messages] = {}
        self._refused = ""
        self._changed = threading.Condition()

    @classmethod
    @contextlib.contextmanager
    def listening(cls, hosts: Hosts) -> Iterator["Meeting"]:
        """Listens for the other hosts within the block; raises VaelineError if the port is taken."""
        try:
            server = socket.create_server(("", hosts.port))
        except OSError as error:
            raise VaelineError(
                f"RDZV_ENDPOINT: cannot listen at port {hosts.port} ({error.strerror}): use a free one"
            ) from None
        meeting = cls(hosts)
        with server:
            threading.Thread(target=meeting._accept, args=(server,), daemon=True).start()
            yield meeting

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


def _join(hosts: Hosts, patience: float) -> int:
    with _connected(hosts, patience) as messages:
        messages.send(host=hosts.rank, facts=host_facts(f"host {hosts.rank}", with_data=False))
        while True:
            try:
                message = messages.receive()
            except OSError as error:
                raise VaelineError(
                    f"host 0 ({hosts.name}:{hosts.port}) has ended or is not reached ({error}): the same "
                    "command on every host resumes it"
                ) from None
            if refused := message.get("refused"):
                raise VaelineError(refused)
            if (status := message.get("end")) is not None:
                if status:
                    raise VaelineError(f"the command on host 0 ended with status {status}: it says why there")
                return 0
            if message["stage"] not in SHARED_STAGES:
                raise VaelineError(f"host 0 asks for the stage '{message['stage']}', which cannot be shared")
            command = [sys.executable, "-m", f"stages.{message['stage']}"]
            if status := _run(command, **{STAGE_PORT: str(message["port"])}):
                return status  # it has said why


@contextlib.contextmanager
def _connected(hosts: Hosts, patience: float) -> Iterator[Messages]:
    """Connects to host 0, which may start later."""
    last, stack = time.monotonic() + patience, contextlib.ExitStack()
    while True:
        try:
            messages = stack.enter_context(Messages.to((hosts.name, hosts.port)))
            break
        except OSError as error:
            if time.monotonic() > last:
                raise VaelineError(
                    f"nothing answers at {hosts.name}:{hosts.port} ({error.strerror}): start the same "
                    "command on host 0, with NODE_RANK=0"
                ) from None
            time.sleep(TRY_EVERY)
    with stack:
        yield messages


def _run(command: Sequence[str], **variables: str) -> int:
    """Runs a command, which ends at the latest with this process, and returns its status."""
    quiet = {"TORCH_CPP_LOG_LEVEL": "ERROR"}  # it warns of hosts whose addresses have no names
    try:
        process = subprocess.Popen(
            command, env=quiet | os.environ | variables, preexec_fn=ready_for_ctrl_c, start_new_session=True
        )
    except FileNotFoundError:
        raise VaelineError(f"{command[0]}: no such command here") from None
    try:
        return process.wait()
    finally:
        stop_session(process)
