"""Where a training keeps its state while it runs, so that a killed one resumes where it stopped.

DVC empties a stage's outs before it runs the stage. This directory is outside of them, is named by a hash of
what determines the training, and is removed once DVC has recorded the results, see `runtime.finished`.
"""

import contextlib
import itertools
import shlex
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

from vaeline.core.errors import DamagedFileError
from vaeline.core.files import link_or_copy, read_json, write_json, write_text
from vaeline.core.locking import HeldElsewhereError, locked
from vaeline.models import checkpoints
from vaeline.models.checkpoints import CheckpointError
from vaeline.runtime.finished import RESULT, remove_all_but_newest
from vaeline.runtime.seeding import rng_state, set_rng_state
from vaeline.runtime.stage import STATES
from vaeline.training.record import Record, best
from vaeline.training.state import Training

KEPT = 2  # states: if the newest is damaged, the one before it is used


class Scratch:
    """The directory of one training; `checkpoints/` in it holds what will be published."""

    def __init__(self, directory: Path, facts: dict[str, Any], every: int) -> None:
        self.directory, self.facts, self.every = directory, facts, every
        self.checkpoints = directory / "checkpoints"
        self._result = directory / RESULT
        self.checkpoints.mkdir(parents=True, exist_ok=True)
        for left in (*directory.glob(".*"), *self.checkpoints.glob(".*")):
            left.unlink()  # by a process that was killed while it wrote

    @classmethod
    @contextlib.contextmanager
    def open(cls, root: Path, key: str, facts: dict[str, Any], every: int) -> Iterator[Self]:
        """Yields the scratch directory of a training.

        A lock keeps two runs of the very same training apart: the second gets a directory of its own.

        Args:
            root: where the directories of all trainings are.
            key: a hash of what determines the training.
            facts: what a checkpoint holds beside the training, see `checkpoints.model_facts`.
            every: the checkpoint of each `every`-th epoch is kept under its own name.
        """
        for place in (root / f"{key}.{i}" for i in itertools.count()):
            with contextlib.ExitStack() as stack:
                try:
                    stack.enter_context(locked(f"{place}.lock", wait=0))
                except HeldElsewhereError:
                    continue
                yield cls(place, facts, every)
                return

    @property
    def result(self) -> dict[str, Any]:
        """What `finish` was given; an empty dict before the training has finished."""
        with contextlib.suppress(FileNotFoundError, DamagedFileError):
            return read_json(self._result)
        return {}

    def finish(self, result: dict[str, Any]) -> None:
        """Marks the training as finished, with what is to be published besides checkpoints and history."""
        write_json(self._result, result)
        self._keep_states(1)
        remove_all_but_newest(self.directory.parent)

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
        for path in reversed(self._states()):
            try:
                content = checkpoints.read_checkpoint(path)
            except CheckpointError as error:
                print(f"train: {error}; going back to the state before it", file=sys.stderr)
                self._result.unlink(missing_ok=True)  # it is that of a training with this state
                continue
            training.load_state_dict(content["training"])
            training.seconds = self._seconds()
            set_rng_state(content["rng"])
            print(f"train: {self._resuming(path, training.epoch)}", file=sys.stderr)
            records = [Record(**record) for record in content["records"]]
            self._keep(path, records)  # the kill may have come between the state and this
            return records
        self._result.unlink(missing_ok=True)
        return []

    def take_over(self, other: Path, before: int) -> None:
        """Continues another training, with its run, if it has not got to the epoch `before`.

        Args:
            other: the directory of a training that is the same up to that epoch, if there is one.
            before: the epoch.
        """
        states = sorted(other.glob(STATES))
        if not states or states[-1].name >= _state_name(before) or self._states():
            return
        with contextlib.suppress(HeldElsewhereError), locked(f"{other}.lock", wait=0):
            shutil.rmtree(self.directory)
            other.replace(self.directory)

    def _resuming(self, state: Path, epoch: int) -> str:
        if not self.result:
            return f"resuming after epoch {epoch}, from {state.name}"
        again = shlex.join(["rm", "-r", str(self.directory)])
        return f"this training finished before, and DVC has not recorded it; to train again: `{again}`"

    def _seconds(self) -> float:
        path = self.directory / "seconds"
        return float(path.read_text()) if path.is_file() else 0.0

    def save(self, training: Training, records: list[Record]) -> None:
        """Saves the state as `last`, as `best` if it improved, and every n-th epoch under its own name."""
        path = self.directory / _state_name(training.epoch)
        content = {
            **self.facts,
            "training": training.state_dict(),
            "rng": rng_state(),
            "records": [asdict(record) for record in records],
        }
        checkpoints.save_checkpoint(path, content)
        write_text(self.directory / "seconds", repr(training.seconds), durable=False)
        self._keep(path, records)
        self._keep_states(KEPT)

    def _keep_states(self, count: int) -> None:
        for old in self._states()[:-count]:
            old.unlink()

    def _states(self) -> list[Path]:
        return sorted(self.directory.glob(STATES))

    def _keep(self, state: Path, records: list[Record]) -> None:
        epoch = records[-1].epoch
        link_or_copy(state, self.checkpoints / "last.pt")
        if records[-1].validated and best(records) is records[-1]:
            link_or_copy(state, self.checkpoints / "best.pt")
        if epoch % self.every == 0:
            link_or_copy(state, self.checkpoints / f"epoch_{epoch:04d}.pt")

    def publish(self, directory: Path) -> None:
        """Copies the checkpoints to `directory`, replacing its content."""
        fresh = directory.with_name(f".{directory.name}")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        for path in sorted(self.checkpoints.glob("[!.]*")):  # a kill may have left a half-made, hidden one
            shutil.copyfile(path, fresh / path.name)  # copytree's error would not say that the disk is full
        shutil.rmtree(directory, ignore_errors=True)
        fresh.replace(directory)


def _state_name(epoch: int) -> str:
    return f"state_{epoch:05d}.pt"
