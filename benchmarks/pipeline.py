"""The overhead of `dvc repro` beyond its stages' own work, on `digits` in a copy of the repository."""

import sys
import tempfile
import time
from pathlib import Path

from benchmarks.copied import copy_repository, run_in
from benchmarks.harness import Ratio, significant

OWN_COST = 30.0  # seconds for all stages
AIM = 25.0
NOTHING_TO_DO = 3.0


def pipeline() -> list[Ratio]:
    """`dvc repro` less the stages' `main`s in one process; and `dvc repro` with nothing to do."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        copy_repository(root)
        whole = _seconds(root, "dvc", "repro")
        idle = [_seconds(root, "dvc", "repro") for _ in range(3)]
        mains = float(run_in(root, sys.executable, "-m", "benchmarks.mains").split()[-1])
    cost = whole - mains
    details = {"seconds": significant(cost), "seconds_of_stages": significant(mains)}
    return [
        Ratio.of("pipeline", f"{OWN_COST:g} s", [OWN_COST / cost], 1.0, aim=OWN_COST / AIM, **details),
        Ratio.of(
            "pipeline, nothing to do",
            f"{NOTHING_TO_DO:g} s",
            [NOTHING_TO_DO / seconds for seconds in idle],
            1.0,
            seconds=significant(sorted(idle)[1]),
        ),
    ]


def _seconds(root: Path, *command: str) -> float:
    started = time.perf_counter()
    run_in(root, *command)
    return time.perf_counter() - started
