"""The same command on every host: host 0 runs it, and the others join."""

import shutil
from collections.abc import Sequence

from vaeline.core.errors import VaelineError
from vaeline.experiments.hosts.coordinator import Coordinator
from vaeline.experiments.hosts.joining import join_hosts
from vaeline.experiments.sessions import run_session
from vaeline.runtime.hosts import Hosts
from vaeline.runtime.launching import wanted


def run_on_hosts(command: Sequence[str], patience: float) -> int:
    """Runs `command` on host 0, and on every other host its part of each shared stage; returns the status.

    Args:
        command: such as `dvc repro`.
        patience: seconds, at most, until all hosts have come.

    Raises:
        VaelineError: for wrong variables, a command that is not there, and a host that does not come,
            differs from the first, or is lost.
    """
    wanted()  # told now if it is wrong, not when all hosts have come
    hosts = Hosts.from_environment()
    if hosts is None:
        return run_session(command)
    if hosts.rank > 0:
        return join_hosts(hosts, patience)
    if not shutil.which(command[0]):
        raise VaelineError(f"{command[0]}: no such command here")
    with Coordinator.listening(hosts) as coordinator:
        coordinator.wait_for_all(patience)
        status = run_session(command)
        coordinator.end(status)
        return status
