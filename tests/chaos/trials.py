"""A trial is one fault and what held afterwards; trials run on all cores."""

import multiprocessing
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tests.chaos.verdict import Verdict
from tests.support.clone import Clone
from vaeline.core.progress import bar

T = TypeVar("T")
WORKERS = len(os.sched_getaffinity(0))


@dataclass(frozen=True)
class Trial:
    """One fault.

    Attributes:
        fault: its kind, a row of the table.
        where: the stage or the moment.
        verdict: what held.
        faults: how many times the fault happened, such as kills in one pipeline.
    """

    fault: str
    where: str
    verdict: Verdict
    faults: int = 1


@contextmanager
def small_clone(name: str, **changes: str) -> Iterator[Clone]:
    """Yields a clone in a folder of its own, which is removed afterwards.

    Args:
        name: of the folder.
        **changes: lines of params.yaml to replace, as `epochs="epochs: 9"`.
    """
    root = Path(tempfile.mkdtemp(prefix=f"vaeline-{name}-")).resolve()
    try:
        clone = Clone.make(root)
        params = root / "params.yaml"
        text = params.read_text()
        for key, line in changes.items():
            (old,) = (known for known in text.splitlines() if known.startswith(f"{key}:"))
            text = text.replace(old, line)
        params.write_text(text)
        yield clone
    finally:
        shutil.rmtree(root, ignore_errors=True)


def run_trials(work: Callable[[T], Sequence[Trial]], tasks: Iterable[T], name: str) -> list[Trial]:
    """Returns the trials of all tasks, which run in as many processes as there are cores.

    The processes are forked: they have imported what this process has.
    """
    tasks = list(tasks)
    done: list[Trial] = []
    with ProcessPoolExecutor(WORKERS, multiprocessing.get_context("fork")) as pool:
        for trials in bar(pool.map(work, tasks), total=len(tasks), desc=name, unit="task"):
            done += trials
    return done


def shares(items: Sequence[T], count: int) -> list[Sequence[T]]:
    """Returns `items` in `count` shares of about the same length."""
    return [items[start::count] for start in range(count)]
