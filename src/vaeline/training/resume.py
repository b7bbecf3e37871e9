"""Where a training keeps its state while it runs, so that a killed one resumes where it stopped.

DVC empties a stage's outs before it runs the stage. This directory is outside of them, is named by a hash of
what determines the training, and is removed once the training is done.
"""

import contextlib
import itertools
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

from filelock import FileLock, Timeout

from vaeline.core.files import write_text
from vaeline.models import checkpoints
from vaeline.models.checkpoints import CheckpointError
from vaeline.runtime.seeding import rng_state, set_rng_state
from vaeline.training.record import Record, best
from vaeline.training.state import Training

KEPT = 2  # states: if the newest is damaged, the one before it is used


class Scratch:
    """The directory of one training; `checkpoints/` in it holds what will be published."""

    def __init__(self, directory: Path, facts: dict[str, Any], every: int) -> None:
        self.directory, self.facts, self.every = directory, facts, every
        self.checkpoints = directory / "checkpoints"
        self.checkpoints.mkdir(parents=True, exist_ok=True)

    @classmethod
    @contextlib.contextmanager
    def open(cls, root: Path, key: str, facts: dict[str, Any], every: int) -> Iterator[Self]:
        """Yields the scratch directory of a training, and removes it if the block ends without an error.

        A lock keeps two runs of the very same training apart: the second gets a directory of its own.

        Args:
            root: where the directories of all trainings are.
            key: a hash of what determines the training.
            facts: what a checkpoint holds beside the training, see `checkpoints.model_facts`.
            every: the checkpoint of each `every`-th epoch is kept under its own name.
        """
        root.mkdir(parents=True, exist_ok=True)
        for place in (root / f"{key}.{i}" for i in itertools.count()):
            lock = FileLock(f"{place}.lock")
            with contextlib.suppress(Timeout):
                lock.acquire(timeout=0)
                break
        try:
            yield cls(place, facts, every)
            shutil.rmtree(place)
        finally:
            lock.release()

    @property
    def run_id(self) -> str:
        """The id of this training's MLflow run; an empty string before there is one."""
        path = self.directory / "run_id"
        return path.read_text() if path.is_file() else ""

    @run_id.setter
    def run_id(self, run_id: str) -> None:
        write_text(self.directory / "run_id", run_id)

    def resume(self, training: Training) -> list[Record]:
        """Restores the newest undamaged state into `training`, and returns the records up to it."""
        for path in sorted(self.directory.glob("state_*.pt"), reverse=True):
            try:
                content = checkpoints.read_checkpoint(path)
            except CheckpointError as error:
                print(f"train: {error}; going back to the state before it", file=sys.stderr)
                continue
            training.load_state_dict(content["training"])
            training.seconds = self._seconds()
            set_rng_state(content["rng"])
            print(f"train: resuming after epoch {training.epoch}, from {path.name}", file=sys.stderr)
            records = [Record(**record) for record in content["records"]]
            self._keep(path, records)  # the kill may have come between the state and this
            return records
        return []

    def _seconds(self) -> float:
        path = self.directory / "seconds"
        return float(path.read_text()) if path.is_file() else 0.0

    def save(self, training: Training, records: list[Record]) -> None:
        """Saves the state as `last`, as `best` if it improved, and every n-th epoch under its own name."""
        path = self.directory / f"state_{training.epoch:05d}.pt"
        content = {
            **self.facts,
            "training": training.state_dict(),
            "rng": rng_state(),
            "records": [asdict(record) for record in records],
        }
        checkpoints.save_checkpoint(path, content)
        write_text(self.directory / "seconds", repr(training.seconds), durable=False)
        self._keep(path, records)
        for old in sorted(self.directory.glob("state_*.pt"))[:-KEPT]:
            old.unlink()

    def _keep(self, state: Path, records: list[Record]) -> None:
        epoch = records[-1].epoch
        self._link(state, "last.pt")
        if best(records) is records[-1]:
            self._link(state, "best.pt")
        if epoch % self.every == 0:
            self._link(state, f"epoch_{epoch:04d}.pt")

    def _link(self, state: Path, name: str) -> None:
        linked = self.directory / f".{name}"
        linked.unlink(missing_ok=True)
        os.link(state, linked)  # another name for the same file: nothing is written twice
        linked.replace(self.checkpoints / name)

    def publish(self, directory: Path) -> None:
        """Copies the checkpoints to `directory`, replacing its content."""
        fresh = directory.with_name(f".{directory.name}")
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.copytree(self.checkpoints, fresh)
        shutil.rmtree(directory, ignore_errors=True)
        fresh.replace(directory)
