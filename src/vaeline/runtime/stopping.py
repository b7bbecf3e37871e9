"""What stops a stage: Ctrl-C, a signal, or the end of the process that started it.

Nothing heavy is imported here, since `stages` imports it before all else.
"""

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import NoReturn

INTERRUPTED = 128 + signal.SIGINT
"""The exit status of a command that Ctrl-C stopped."""
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
STARTER = os.getppid()
"""The process that started this one; another number later means that it has ended."""
SHELLS = ("sh", "ash", "bash", "dash", "ksh", "zsh", "fish")  # they may stand between DVC and its stage
LOOK_EVERY = 1.0  # seconds
TIME_TO_END = 30.0  # seconds, after which it is killed


class StoppedError(KeyboardInterrupt):
    """A signal asks this process to stop. No `except Exception` catches it."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.status = 128 + number
        """The exit status, as a shell reports it."""


@contextlib.contextmanager
def stoppable() -> Iterator[None]:
    """Within the block, Ctrl-C, SIGTERM and SIGHUP raise StoppedError; what is ignored stays so (nohup)."""
    before: dict[int, object] = {}

    def stop(number: int, _: FrameType | None) -> NoReturn:
        raise StoppedError(number)

    if threading.current_thread() is threading.main_thread():  # others cannot handle signals
        before = {n: signal.getsignal(n) for n in SIGNALS if signal.getsignal(n) is not signal.SIG_IGN}
    try:
        for number in before:
            signal.signal(number, stop)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # it is what getsignal gave


def stop_without_traceback() -> None:
    """Lets Ctrl-C end a stage or a `vaeline` command that still imports its modules with one line.

    It does nothing unless Python looks for the module of `python -m`, or runs `vaeline`: tests import both.
    """

    command = sys.argv[0].rpartition("/")[2] == "vaeline"

    def stop(number: int, _: FrameType | None) -> NoReturn:
        if os.environ.get("RANK", "0") == "0":  # of several processes, one speaks
            name = "vaeline" if command else sys.orig_argv[-1].removeprefix("stages.")
            os.write(2, f"{name}: stopped; the same command runs it\n".encode())
        os._exit(128 + number)

    if (command or sys.argv[:1] == ["-m"]) and signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, stop)


def end_with_starter() -> None:
    """Stops this process once DVC, or torchrun, which started it, has ended.

    A process that DVC leaves behind would go on to write where the next `dvc repro` writes. One that was
    started by hand may outlive its shell.
    """
    if "DVC_STAGE" in os.environ:
        threading.Thread(target=_watch, args=(starter_has_ended(),), daemon=True).start()


def _watch(ended: Callable[[], bool]) -> None:
    while not ended():
        time.sleep(LOOK_EVERY)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(TIME_TO_END)
    os.kill(os.getpid(), signal.SIGKILL)


def starter_has_ended() -> Callable[[], bool]:
    """Returns a function that says whether the process that started this one has ended.

    A shell that waits for this process is passed over: DVC runs a stage's `cmd` in one.
    """
    import psutil

    parents = psutil.Process().parents()
    started_by = next((process for process in parents if process.name() not in SHELLS), None)

    def ended() -> bool:
        if os.getppid() != STARTER:
            return True
        if started_by is None:
            return False
        try:
            return not started_by.is_running() or started_by.status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True

    return ended
