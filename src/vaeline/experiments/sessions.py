"""A command in a session of its own, which this process alone stops."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Sequence

from vaeline.core.errors import VaelineError
from vaeline.runtime.processes import end_with_parent


def ready_for_ctrl_c() -> None:
    """What a child does before it becomes the command: Ctrl-C's signal stops it, and so does our end."""
    # A shell may have made this process ignore Ctrl-C, which a child would inherit.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    end_with_parent(signal.SIGTERM)  # if this process is killed, the same command must not find it at work


def stop_session(process: "subprocess.Popen[bytes]") -> None:
    """Ends the command and all that it started: first with Ctrl-C's signal, on which DVC cleans up."""
    for number, patience in ((signal.SIGINT, 60), (signal.SIGTERM, 10), (signal.SIGKILL, 10)):
        if process.poll() is not None:
            return
        os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=patience)


def run_session(command: Sequence[str], **variables: str) -> int:
    """Runs a command with further environment variables, and returns its status."""
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
