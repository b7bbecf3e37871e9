"""A stage in a forked child of a process that has imported it: a trial costs no imports."""

import importlib
import os
import re
import signal
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

WRITES = (
    *("write", "pwrite64", "writev", "pwritev", "sendfile", "copy_file_range", "ftruncate"),
    *("rename", "renameat", "renameat2", "link", "linkat", "unlink", "unlinkat", "rmdir", "mkdir", "mkdirat"),
    *("fsync", "fdatasync"),
)
"""The system calls that change files or make changes durable."""
CALL = re.compile(r"(\d+) +(\w+)\(")


class Point(NamedTuple):
    """A moment in a process: the `number`-th time that one of its threads makes a system call."""

    call: str
    number: int


class Ended(NamedTuple):
    """How a stage ended: its exit status, or the negative number of the signal, and what it printed."""

    status: int
    said: str


def run_stage(name: str, root: Path, trace: Sequence[str] = ()) -> Ended:
    """Runs a stage in a child process, in the clone at `root`.

    Args:
        name: of the stage.
        root: the clone.
        trace: options of strace, which attaches to the child before the stage starts.
    """
    stage = importlib.import_module(f"stages.{name}")
    runner: Callable[..., None] = importlib.import_module("vaeline.runtime.stage").run_stage
    log = root.with_name(f"{root.name}.{name}.log")  # beside it, where its disk may be full
    ready, go = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(go)
        os.read(ready, 1)
        _become(lambda: runner(name, stage.main), root, log)
    os.close(ready)
    tracer = _attach(child, trace) if trace else None
    os.close(go)  # the read ends
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if tracer:
        tracer.wait()
    said = log.read_text(errors="replace")
    log.unlink()
    return Ended(status, said)


def _become(run: Callable[[], None], root: Path, log: Path) -> None:
    """Runs in the child, and never returns."""
    os.chdir(root)
    os.environ["DVC_ROOT"] = str(root)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    status = 1
    try:
        run()
        status = 0
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 1
        if isinstance(ended.code, str):
            print(ended.code, file=sys.stderr)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _attach(child: int, options: Sequence[str]) -> subprocess.Popen[bytes]:
    command = ["strace", "-f", "-qq", "-p", str(child), *options]
    tracer = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    while "TracerPid:\t0\n" in Path(f"/proc/{child}/status").read_text():
        if tracer.poll() is not None:
            raise RuntimeError(
                f"strace ended with {tracer.returncode}: is it installed and allowed to trace?"
            )
    return tracer


def killed_at(point: Point) -> list[str]:
    """Returns the options of strace that kill a thread's process when it makes the call of `point`."""
    return [f"-etrace={point.call}", f"-einject={point.call}:signal=KILL:when={point.number}", "-o/dev/null"]


def points_of(name: str, root: Path) -> list[Point]:
    """Runs a stage, and returns each of its system calls that changed something in the clone at `root`."""
    trace = root.with_name(f"{root.name}.{name}.trace")
    ended = run_stage(name, root, [f"-etrace={','.join(WRITES)}", "-y", f"-o{trace}"])
    if ended.status:
        raise RuntimeError(f"{name} failed before any fault: {ended.said}")
    made: dict[str, Counter[str]] = defaultdict(Counter)
    points: dict[Point, None] = {}  # as a set that keeps its order
    for line in trace.read_text(errors="replace").splitlines():
        if call := CALL.match(line):
            thread, name_of_call = call.groups()
            made[thread][name_of_call] += 1
            if f"{root}/" in line:
                points[Point(name_of_call, made[thread][name_of_call])] = None
    trace.unlink()
    return list(points)
