"""Runs the cells without a record, in processes of one thread each, and keeps a record of each."""

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import as_completed
from pathlib import Path

import pandas as pd

from vaeline.core.files import write_csv
from vaeline.core.progress import bar
from vaeline.experiments.presets import preset_overrides
from vaeline.experiments.results import RESULTS
from vaeline.experiments.studies.sprites.cell import SPRITES, SpritesRow, cell_row
from vaeline.experiments.studies.sprites.floor import ROTATION, ROTATIONS, rotation_row
from vaeline.experiments.studies.sprites.grid import GridCell, Method, grid_cells
from vaeline.runtime.processes import worker_pool

CELL_KEY = ["method", "weight", "seed"]
RowTask = tuple[Callable[..., SpritesRow], GridCell | int]


def run_cells(methods: list[Method], jobs: int) -> None:
    """Runs what has no record, and adds the row of each to the records when it is ready.

    A run that was stopped resumes: only cells that were being trained are trained again.

    Args:
        methods: What to train; the floor is measured as well.
        jobs: Processes.
    """
    path = records_path()
    table = read_records(path)
    recorded = set(table[CELL_KEY].itertuples(index=False, name=None))
    missing = [task for key, task in _tasks(methods) if key not in recorded]
    with worker_pool(jobs) as pool:
        futures = [pool.submit(_in_worker, *task) for task in missing]
        for future in bar(as_completed(futures), total=len(futures), desc="sprites", unit="cell"):
            row = future.result() | {"budget": budget()}
            table = pd.concat([table, pd.DataFrame([row])], ignore_index=True).sort_values(CELL_KEY)
            write_csv(path, table)


def read_records(path: Path) -> pd.DataFrame:
    """Returns the rows of the preset as it stands; those of another budget are left out."""
    if not path.exists():
        return pd.DataFrame(columns=[*CELL_KEY, "budget"])
    table = pd.read_csv(path)
    return table[table["budget"] == budget()].reset_index(drop=True)


def records_path() -> Path:
    """Returns the file of all rows."""
    return RESULTS / "sprites.csv"


def budget() -> str:
    """Returns a short hash of what the preset changes, by which rows of another one are known."""
    overrides = json.dumps(preset_overrides(SPRITES), sort_keys=True)
    return hashlib.sha256(overrides.encode()).hexdigest()[:12]


def _tasks(methods: list[Method]) -> Iterator[tuple[tuple[str, float, int], RowTask]]:
    for seed in range(1, ROTATIONS + 1):
        yield (ROTATION, 0.0, seed), (rotation_row, seed)
    for cell in grid_cells(methods):
        yield cell.key, (cell_row, cell)


def _in_worker(function: Callable[..., SpritesRow], of: GridCell | int) -> SpritesRow:
    """Returns the row, computed by one thread: for networks this small, two are no faster."""
    import torch

    torch.set_num_threads(1)
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stderr(nowhere):  # its bar and alerts
        return function(of)
