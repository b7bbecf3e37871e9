"""Injects faults into the pipeline, and writes what held to docs/results/chaos.md: `make chaos`.

It takes up to an hour, and needs Linux, root (it mounts small file systems), strace and PostgreSQL. With the
names of parts, only those run, and the other rows of the table stay as they are.
"""

import contextlib
import importlib
import io
import logging
import os
import sys
import time
from collections.abc import Callable, Sequence

os.environ["OMP_NUM_THREADS"] = "1"  # each trial has one core

from tests.chaos.caches import assail_caches
from tests.chaos.kills import kill_pipelines
from tests.chaos.page import write_page
from tests.chaos.servers import broken_servers, kill_server
from tests.chaos.trials import Trial
from tests.chaos.writes import STAGES, fill_disks, kill_at_writes
from tests.support.parts import chosen_parts

FIRST = 40  # system calls of a first training, most of which make the database of MLflow
SAMPLE = 5  # system calls of each stage but train, of which all are tried
PIPELINES, KILLS = 2, 12  # of each of five kinds
RESTARTS = 4

PARTS: dict[str, Callable[[], list[Trial]]] = {
    "kills": lambda: kill_pipelines(PIPELINES, KILLS, seed=0),
    "train": lambda: kill_at_writes("train", None),
    "first": lambda: kill_at_writes("train", FIRST, first=True),
    "stages": lambda: [
        trial for stage in STAGES if stage != "train" for trial in kill_at_writes(stage, SAMPLE)
    ],
    "disks": fill_disks,
    "caches": assail_caches,
    "servers": broken_servers,
    "postgres": lambda: kill_server(RESTARTS),
}


def main(arguments: Sequence[str]) -> int:
    """Runs the parts that are named, or all; returns 1 if something did not hold."""
    names = chosen_parts(arguments, PARTS, "python -m tests.chaos", __doc__)
    _import_once()
    failed = False
    for name in names:
        started = time.monotonic()
        trials = PARTS[name]()
        table, held = write_page(name, trials, time.monotonic() - started, list(PARTS))
        failed |= not held
        print(table, flush=True)
        for trial in trials:
            if not trial.verdict.holds:
                print(f"{trial.fault}, {trial.where}: {trial.verdict}", flush=True)
    return int(failed)


def _import_once() -> None:
    """Imports what each trial's child process needs, silently."""
    logging.disable(logging.INFO)
    with contextlib.redirect_stderr(io.StringIO()):
        for name in (*(f"stages.{stage}" for stage in STAGES), "mlflow"):
            importlib.import_module(name)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
