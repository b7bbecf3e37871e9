"""The start of a training: from `python -m stages.train` to the end of a first, short epoch."""

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.copied import copy_repository, environment_in, run_in, set_params
from benchmarks.harness import Ratio, significant
from vaeline.runtime.stage import STATES

FIRST_EPOCH = 8.0  # seconds; the eleven steps of that of `digits` take a tenth of a second
ROUNDS = 3
LOG_READ_EVERY = 0.02  # seconds
LONGEST_START = 300  # seconds
COMPILE = {"plain": "never", "compiled before": "always"}


def start_of_training() -> list[Ratio]:
    """A training's first epoch on `digits`, from its command on; and where its step is compiled by then."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        copy_repository(root)
        run_in(root, "dvc", "repro", "check")
        return [_row(root, what, compiled) for what, compiled in COMPILE.items()]


def _row(root: Path, what: str, compiled: str) -> Ratio:
    set_params(root, {"compile": compiled})
    _, *seconds = (_first_epoch(root) for _ in range(1 + ROUNDS))  # the first fills the caches
    ratios = [FIRST_EPOCH / value for value in seconds]
    middle = significant(sorted(seconds)[ROUNDS // 2])
    return Ratio.of(f"start, {what}", f"{FIRST_EPOCH:g} s", ratios, 1.0, seconds=middle)


def _first_epoch(root: Path) -> float:
    """Returns the seconds until a training has saved its state after an epoch; it is stopped then."""
    scratch = root / ".scratch"
    shutil.rmtree(scratch, ignore_errors=True)
    started = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", "stages.train"],
        cwd=root,
        env=environment_in(root),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as training:
        try:
            while not any(scratch.glob(f"train/*/{STATES}")):
                if training.poll() is not None or time.perf_counter() - started > LONGEST_START:
                    raise RuntimeError(f"no epoch of `python -m stages.train` has ended in {root}")
                time.sleep(LOG_READ_EVERY)
            return time.perf_counter() - started
        finally:
            training.kill()
