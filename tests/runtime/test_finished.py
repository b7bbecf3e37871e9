"""Finished trainings are kept until DVC has recorded them, and never pile up."""

import hashlib
import os
import shutil
from pathlib import Path

import pytest

from vaeline.core.locking import locked
from vaeline.runtime.finished import (
    KEPT_FINISHED,
    finished_trainings,
    remove_all_but_newest,
    remove_recorded,
)


def finished(root: Path, name: str, age: int = 0) -> Path:
    training = root / name
    (training / "checkpoints").mkdir(parents=True)
    (training / "checkpoints" / "best.pt").write_text(name)
    (training / "run.json").write_text(f'{{"run_id": "{name}"}}\n')
    os.utime(training / "run.json", (10**9 - age, 10**9 - age))
    return training


def lock_file(root: Path, *trainings: Path) -> Path:
    """Writes what DVC writes, as far as it matters."""
    path = root / "dvc.lock"
    md5s = [hashlib.md5((training / "run.json").read_bytes()).hexdigest() for training in trainings]
    path.write_text("".join(f"    - path: outputs/train/run.json\n      md5: {md5}\n" for md5 in md5s))
    return path


def names(root: Path) -> list[str]:
    return [training.name for training in finished_trainings(root)]


def test_only_what_dvc_has_recorded_is_removed(tmp_path):
    root = tmp_path / "train"
    kept, recorded = finished(root, "a.0", age=5), finished(root, "b.0")
    (root / "c.0").mkdir()  # it has not finished
    remove_recorded(root, tmp_path / "dvc.lock")  # which there is not yet
    assert names(root) == ["b.0", "a.0"]
    remove_recorded(root, lock_file(tmp_path, recorded))
    assert sorted(path.name for path in root.iterdir() if path.is_dir()) == [kept.name, "c.0"]


def test_a_training_in_use_is_not_removed(tmp_path):
    training = finished(tmp_path, "a.0")
    lock = lock_file(tmp_path, training)
    with locked(f"{training}.lock"):
        remove_recorded(tmp_path, lock)
    assert (training / "checkpoints" / "best.pt").read_text() == "a.0"
    remove_recorded(tmp_path, lock)
    assert not training.exists()


def test_the_newest_are_kept(tmp_path):
    for age in range(KEPT_FINISHED + 2):
        finished(tmp_path, f"{age}.0", age)
    remove_all_but_newest(tmp_path)
    assert names(tmp_path) == [f"{age}.0" for age in range(KEPT_FINISHED)]


@pytest.mark.parametrize("calls", [1, 2])
def test_a_kill_while_removing_leaves_no_half_of_a_training(tmp_path, monkeypatch, calls):
    """Half of one would be resumed without some of its checkpoints."""
    training = finished(tmp_path, "a.0")
    lock = lock_file(tmp_path, training)
    left = iter(range(calls - 1))
    whole = shutil.rmtree

    def rmtree(path: Path, **options: bool) -> None:
        if next(left, None) is None:
            raise KeyboardInterrupt
        whole(path, **options)

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", rmtree)
        with pytest.raises(KeyboardInterrupt):
            remove_recorded(tmp_path, lock)
    assert not training.exists() or sorted(path.name for path in training.iterdir()) == [
        "checkpoints",
        "run.json",
    ]
    assert names(tmp_path) == (["a.0"] if calls == 1 else [])
    finished(tmp_path, "b.0")
    remove_recorded(tmp_path, lock_file(tmp_path, tmp_path / "b.0"))
    assert not (tmp_path / "b.0").exists()
