"""A further host runs its part of each shared stage that host 0 starts."""

import contextlib
import sys
import time
from collections.abc import Iterator
from typing import Any

from vaeline.core.errors import VaelineError
from vaeline.experiments.sessions import run_session
from vaeline.runtime.agreement import host_facts
from vaeline.runtime.connections import Messages, OtherProgramError
from vaeline.runtime.hosts import STAGE_PORT, Hosts
from vaeline.runtime.stage import SHARED_STAGES

TRY_EVERY = 0.5  # seconds


def join_hosts(hosts: Hosts, patience: float) -> int:
    """Runs this host's part of each stage until the command on host 0 ends, and returns the status.

    Raises:
        VaelineError: where host 0 does not come within `patience` seconds, refuses this host, is lost, or its
            command fails.
    """
    with _connected(hosts, patience) as messages:
        messages.send(host=hosts.rank, facts=host_facts(f"host {hosts.rank}", with_data=False))
        for stage, port in _announced(messages, hosts):
            if status := run_session([sys.executable, "-m", f"stages.{stage}"], **{STAGE_PORT: str(port)}):
                return status  # it has said why
    return 0


def _announced(messages: Messages, hosts: Hosts) -> Iterator[tuple[str, int]]:
    """Yields each stage that host 0 starts, and the port at which its processes meet."""
    while "end" not in (message := _received(messages, hosts)):
        if message["stage"] not in SHARED_STAGES:
            raise VaelineError(f"host 0 asks for the stage '{message['stage']}', which cannot be shared")
        yield message["stage"], message["port"]
    if message["end"]:
        raise VaelineError(f"the command on host 0 ended with status {message['end']}: it says why there")


def _received(messages: Messages, hosts: Hosts) -> dict[str, Any]:
    try:
        return messages.receive()
    except OtherProgramError:
        raise VaelineError(
            f"another program answers at {hosts.name}:{hosts.port}: give RDZV_ENDPOINT a free port of host 0"
        ) from None
    except OSError as error:
        raise VaelineError(
            f"host 0 ({hosts.name}:{hosts.port}) has ended or is not reached ({error}): the same command on "
            "every host resumes it"
        ) from None


@contextlib.contextmanager
def _connected(hosts: Hosts, patience: float) -> Iterator[Messages]:
    """Connects to host 0, which may start later."""
    last, told = time.monotonic() + patience, False
    with contextlib.ExitStack() as stack:
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
                if not told:
                    at = f"{hosts.name}:{hosts.port}"
                    print(f"vaeline hosts: waiting for host 0 at {at}", file=sys.stderr)
                    told = True
                time.sleep(TRY_EVERY)
        yield messages
