"""`dvc repro` killed at random moments, several times a pipeline, and then run to its end."""

import contextlib
import functools
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable

import psutil

from tests.chaos.trials import Trial, run_trials, small_clone
from tests.chaos.verdict import State, verdict_of
from tests.support.clone import Clone


def _all(dvc: psutil.Process) -> list[psutil.Process]:
    return [dvc, *dvc.children(recursive=True)]


def _stages(dvc: psutil.Process) -> list[psutil.Process]:
    return [one for one in dvc.children(recursive=True) if any("stages." in word for word in one.cmdline())]


KILLS: dict[str, tuple[Callable[[psutil.Process], list[psutil.Process]], int]] = {
    "everything killed": (_all, signal.SIGKILL),
    "DVC alone killed": (lambda dvc: [dvc], signal.SIGKILL),
    "the stage alone killed": (_stages, signal.SIGKILL),
    "interrupted, as by Ctrl-C": (_all, signal.SIGINT),
    "terminated": (_all, signal.SIGTERM),
}
"""Which of the processes gets which signal."""


def kill_pipelines(pipelines: int, kills: int, seed: int) -> list[Trial]:
    """Returns a trial for each of `pipelines` pipelines a kind of kill, each killed up to `kills` times."""
    with small_clone("whole") as clone:
        started = time.monotonic()
        clone.run("dvc", "repro")
        seconds, expected = time.monotonic() - started, State.of(clone.root)
    tasks = [(kind, seed + number) for number in range(pipelines) for kind in KILLS]
    work = functools.partial(_pipeline, kills=kills, seconds=seconds, expected=expected)
    return run_trials(work, tasks, "dvc repro killed")


def _pipeline(task: tuple[str, int], kills: int, seconds: float, expected: State) -> list[Trial]:
    kind, seed = task
    moments, happened, said = random.Random(f"{kind} {seed}"), 0, ""
    with small_clone("killed") as clone:
        for _ in range(kills):
            # Early enough that many kills come before the end, and late enough that stages end between them.
            killed, printed = _repro(clone, kind, moments.uniform(0, seconds / 4))
            happened, said = happened + killed, said + printed
        done = clone.run("dvc", "repro", ok=False)
        said += done.stdout + done.stderr
        verdict = verdict_of(clone.root, expected, said)
    return [Trial("kill at a random moment", kind, verdict, happened)]


def _repro(clone: Clone, kind: str, after: float) -> tuple[bool, str]:
    """Runs `dvc repro`; returns whether it was killed before its end, and what it printed."""
    chosen, number = KILLS[kind]
    with (clone.root / ".repro.log").open("w+") as log:
        process = subprocess.Popen(
            ["dvc", "repro"], cwd=clone.root, env=clone.environment, stdout=log, stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )  # fmt: skip
        try:
            process.wait(timeout=after)
        except subprocess.TimeoutExpired:
            dvc = psutil.Process(process.pid)
            while process.poll() is None and not (victims := chosen(dvc)):  # until a stage runs
                time.sleep(0.05)
            for one in victims if process.poll() is None else ():
                _send(one, number)
        killed = process.wait() != 0
        log.seek(0)
        return killed, log.read()


def _send(process: psutil.Process, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, number)
