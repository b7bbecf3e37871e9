"""Finished trainings, kept until DVC has recorded their results.

DVC records a stage's results after the stage has ended: on a full disk, or if it is killed then, it does not,
and runs the stage again. A training that is kept is published again instead.
"""

import contextlib
import hashlib
import shutil
from pathlib import Path

from vaeline.core.locking import HeldElsewhereError, locked

RESULT = "run.json"
"""The file that marks a training as finished; it is published, and no two trainings have the same."""
KEPT_FINISHED = 3  # that DVC never records, such as those of experiments that are stopped or fail


def finished_trainings(root: Path) -> list[Path]:
    """Returns the directories of the finished trainings below `root`, newest first."""
    results = [path for path in root.glob(f"*/{RESULT}") if not path.parent.name.startswith(".")]
    return [path.parent for path in sorted(results, key=lambda path: path.stat().st_mtime_ns, reverse=True)]


def remove_recorded(root: Path, lock_file: Path | str = "dvc.lock") -> None:
    """Removes the trainings whose results DVC has recorded in `lock_file`."""
    trainings, lock_file = finished_trainings(root), Path(lock_file)
    if not trainings or not lock_file.is_file():
        return
    recorded = lock_file.read_text()
    for training in trainings:
        result = (training / RESULT).read_bytes()
        if hashlib.md5(result, usedforsecurity=False).hexdigest() in recorded:
            remove_training(training)


def remove_all_but_newest(root: Path) -> None:
    """Removes all finished trainings but the newest few."""
    for training in finished_trainings(root)[KEPT_FINISHED:]:
        remove_training(training)


def remove_training(training: Path) -> None:
    """Removes the directory of a training, unless a process uses it."""
    # Renamed first: a kill in between must not leave a state without its checkpoints.
    removed = training.with_name(f".{training.name}")
    with contextlib.suppress(HeldElsewhereError, OSError), locked(f"{training}.lock", wait=0):
        shutil.rmtree(removed, ignore_errors=True)
        training.replace(removed)
        shutil.rmtree(removed)
