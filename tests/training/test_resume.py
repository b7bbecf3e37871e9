"""A training that is killed, at whichever moment, ends as one that was left alone."""

import contextlib
import copy
import errno
import hashlib
import os
import pkgutil
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from filelock import FileLock

from tests.support.small import config, digits
from tests.support.trainings import VALID, N, equal, record, started
from vaeline.core.errors import warn_once
from vaeline.core.params import StageParams
from vaeline.models import checkpoints
from vaeline.runtime.finished import remove_recorded
from vaeline.runtime.seeding import set_seed
from vaeline.training.fit import fit
from vaeline.training.record import Record, best
from vaeline.training.resume import Scratch

KEY = "0123456789abcdef"
EVERY = 2


def params(**changes: object) -> StageParams:
    # So fast that the validation ELBO worsens again: best is not last.
    return config(epochs=4, learning_rate=0.3, network={"batch_norm": True}, **changes)


def train(root: Path, settings: StageParams, seen: Callable[[Record], None] = lambda _: None) -> list[Record]:
    """Trains as the train stage does, and publishes into root/out."""
    set_seed(settings.seed)
    training = started(settings)
    made_of = {"config": settings.to_dict(), "shape": (1, 8, 8), "classes": 10}
    with Scratch.open(root / "scratch", KEY, made_of, EVERY) as scratch:
        records = scratch.resume(training)
        if not scratch.result:
            for record in fit(training, digits(N), VALID, settings):
                records.append(record)
                scratch.save(training, records)
                seen(record)
            scratch.finish({"seconds": training.seconds})
        scratch.publish(root / "out")
    return records


def dvc_records(root: Path) -> None:
    """Does what DVC and the next stage do after a training."""
    results = [path.read_bytes() for path in (root / "scratch").glob("*/run.json")]
    (root / "dvc.lock").write_text("".join(f"md5: {hashlib.md5(result).hexdigest()}\n" for result in results))
    remove_recorded(root / "scratch", root / "dvc.lock")


def published(root: Path) -> dict[str, dict]:
    return {path.name: checkpoints.read_checkpoint(path) for path in sorted((root / "out").iterdir())}


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory) -> tuple[list[Record], dict[str, dict]]:
    root = tmp_path_factory.mktemp("uninterrupted")
    return train(root, params()), published(root)


class Killed(BaseException):
    """Stands for a kill: nothing in the project catches it."""


def killed_at(epoch: int) -> Callable[[Record], None]:
    def seen(record: Record) -> None:
        if record.epoch == epoch:
            raise Killed

    return seen


def run_killed(root: Path, *arguments: object) -> None:
    with contextlib.suppress(Killed):
        train(root, params(), *arguments)


def test_best_last_and_every_nth_epoch_are_published(uninterrupted):
    records, files = uninterrupted
    assert sorted(files) == ["best.pt", "epoch_0002.pt", "epoch_0004.pt", "last.pt"]
    epochs = {name: content["training"]["position"]["epoch"] for name, content in files.items()}
    winner = max(records, key=lambda record: record.valid_elbo).epoch
    assert epochs == {"best.pt": winner, "epoch_0002.pt": 2, "epoch_0004.pt": 4, "last.pt": 4}
    assert winner != 4  # or this training would not tell them apart
    assert equal(files["last.pt"]["training"], files["epoch_0004.pt"]["training"])


def test_a_checkpoint_is_that_of_its_epoch(tmp_path, uninterrupted):
    _, files = uninterrupted
    settings = params()
    set_seed(settings.seed)
    training = started(settings)
    states = {}
    for done in fit(training, digits(N), VALID, settings):
        states[done.epoch] = copy.deepcopy(training.model.state_dict())
    for content in files.values():
        assert equal(content["training"]["model"], states[content["training"]["position"]["epoch"]])


def test_scratch_is_empty_once_dvc_has_recorded_the_training(tmp_path):
    train(tmp_path, params())
    dvc_records(tmp_path)
    assert [path for path in (tmp_path / "scratch").rglob("*") if not path.name.endswith(".lock")] == []


def test_a_finished_training_that_dvc_has_not_recorded_is_published_again(tmp_path, uninterrupted, capsys):
    train(tmp_path, params())
    (kept,) = (tmp_path / "scratch").glob("*/run.json")
    result = kept.read_bytes()
    shutil.rmtree(tmp_path / "out")  # as DVC does before it runs the stage again
    epochs: list[Record] = []
    assert train(tmp_path, params(), epochs.append) == uninterrupted[0]
    assert epochs == []  # none was trained again
    assert equal(published(tmp_path), uninterrupted[1])
    assert kept.read_bytes() == result
    assert f"DVC has not recorded it; to train again: `rm -r {kept.parent}`" in capsys.readouterr().err


def test_a_finished_training_whose_state_or_result_is_damaged_is_trained_again(tmp_path, uninterrupted):
    for name in ("state_00004.pt", "run.json"):
        train(tmp_path, params())
        (kept,) = (tmp_path / "scratch").rglob(name)
        kept.write_bytes(b"{")
        assert train(tmp_path, params()) == uninterrupted[0]
        assert equal(published(tmp_path), uninterrupted[1])


def test_a_training_without_hard_links_publishes_the_same(tmp_path, uninterrupted, monkeypatch, capsys):
    def link(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    warn_once.cache_clear()
    monkeypatch.setattr(os, "link", link)
    assert train(tmp_path, params()) == uninterrupted[0]
    assert equal(published(tmp_path), uninterrupted[1])
    assert capsys.readouterr().err.count("no hard links here") == 1


def test_a_full_disk_while_publishing_keeps_the_training(tmp_path, uninterrupted, monkeypatch):
    def copyfile(source: Path, target: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(source), None, str(target))

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copyfile", copyfile)
        with pytest.raises(OSError, match="No space left") as caught:
            train(tmp_path, params())
    assert caught.value.errno == errno.ENOSPC
    assert train(tmp_path, params()) == uninterrupted[0]
    assert equal(published(tmp_path), uninterrupted[1])


@pytest.mark.parametrize("epoch", [1, 2, 3, 4])
def test_training_killed_between_epochs_ends_with_the_same_bits(tmp_path, uninterrupted, epoch, capsys):
    run_killed(tmp_path, killed_at(epoch))
    torch.manual_seed(12345)
    records = train(tmp_path, params())
    assert f"train: resuming after epoch {epoch}, from state_{epoch:05d}.pt" in capsys.readouterr().err
    assert records == uninterrupted[0]
    assert equal(published(tmp_path), uninterrupted[1])


@pytest.mark.parametrize(("epoch", "stop_after", "epochs"), [(1, 3, [1]), (2, 2, []), (3, 2, [])])
def test_training_that_is_to_stop_early_continues_the_whole_one(tmp_path, epoch, stop_after, epochs):
    """It has to run its last epoch itself, since that one is validated."""
    run_killed(tmp_path, killed_at(epoch))
    whole = tmp_path / "scratch" / f"{KEY}.0"
    (whole / "run_id").write_text("of the whole one")
    with Scratch.open(tmp_path / "scratch", "shorter", {}, EVERY) as scratch:
        scratch.take_over(whole, stop_after)
        assert [record.epoch for record in scratch.resume(started(params(stop_after=stop_after)))] == epochs
        assert scratch.run_id == ("of the whole one" if epochs else "")
    assert whole.exists() == (not epochs)


def test_training_killed_twice_ends_with_the_same_bits(tmp_path, uninterrupted):
    for epoch in (1, 3):
        run_killed(tmp_path, killed_at(epoch))
    assert train(tmp_path, params()) == uninterrupted[0]
    assert equal(published(tmp_path), uninterrupted[1])


class KillAt:
    """Kills before the n-th operation on files that the training does."""

    OPERATIONS = (
        "os.link",
        "os.fsync",
        "pathlib.Path.replace",
        "pathlib.Path.unlink",
        "shutil.copyfile",
        "shutil.rmtree",
    )

    def __init__(self, monkeypatch, n: int) -> None:
        self.left, self.done = n, 0
        for name in self.OPERATIONS:
            monkeypatch.setattr(name, self._counted(pkgutil.resolve_name(name)))

    def _counted(self, operation: Callable) -> Callable:
        def counted(*arguments: object, **named: object) -> object:
            self.done += 1
            if self.done == self.left:
                raise Killed
            return operation(*arguments, **named)

        return counted


def test_after_a_kill_at_any_moment_the_same_checkpoints_are_published(tmp_path, uninterrupted, monkeypatch):
    """Also between the state and its other names, where best.pt could stay behind; `make chaos` has all."""
    with monkeypatch.context() as patch:
        counter = KillAt(patch, 10**9)
        train(tmp_path / "counted", params())
    assert counter.done > 20
    for n in range(1, counter.done + 1, 2):
        root = tmp_path / str(n)
        with monkeypatch.context() as patch:
            KillAt(patch, n)
            run_killed(root)
        train(root, params())
        epochs = {name: c["training"]["position"]["epoch"] for name, c in published(root).items()}
        assert equal(published(root), uninterrupted[1]), f"killed at operation {n}: {epochs}"


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b[:2000] + b"\0" * 50 + b[2050:]])
def test_damaged_newest_state_is_named_and_the_one_before_is_used(tmp_path, uninterrupted, damage, capsys):
    run_killed(tmp_path, killed_at(3))
    (newest,) = (tmp_path / "scratch").rglob("state_00003.pt")
    newest.write_bytes(damage(newest.read_bytes()))
    capsys.readouterr()
    assert train(tmp_path, params()) == uninterrupted[0]
    err = capsys.readouterr().err
    assert f"{newest}: damaged checkpoint" in err
    assert "resuming after epoch 2, from state_00002.pt" in err
    assert equal(published(tmp_path), uninterrupted[1])


def test_training_starts_again_if_every_state_is_damaged(tmp_path, uninterrupted):
    run_killed(tmp_path, killed_at(2))
    for state in (tmp_path / "scratch").rglob("state_*.pt"):
        state.write_bytes(b"")
    assert train(tmp_path, params()) == uninterrupted[0]
    assert equal(published(tmp_path), uninterrupted[1])


def test_two_states_are_kept_at_the_most(tmp_path):
    counts = []
    train(tmp_path, params(), lambda _: counts.append(len(list((tmp_path / "scratch").rglob("state_*")))))
    assert counts == [1, 2, 2, 2]


def opened(root: Path, key: str = KEY) -> contextlib.AbstractContextManager[Scratch]:
    return Scratch.open(root, key, {}, EVERY)


def test_two_trainings_of_one_key_at_once_have_different_directories(tmp_path):
    with opened(tmp_path) as first, opened(tmp_path) as second:
        assert first.directory != second.directory
        first.run_id = "one"
        assert second.run_id == ""
    with opened(tmp_path) as third:
        assert third.directory == first.directory


def test_another_key_has_another_directory(tmp_path):
    with opened(tmp_path, "a" * 16) as first:
        first.run_id = "one"
        with opened(tmp_path, "b" * 16) as second:
            assert second.run_id == ""


def test_directory_is_kept_after_an_error(tmp_path):
    with contextlib.suppress(ValueError), opened(tmp_path) as first:
        first.run_id = "one"
        raise ValueError
    with opened(tmp_path) as again:
        assert again.directory == first.directory
        assert again.run_id == "one"


def test_the_lock_is_free_after_the_end_and_after_an_error(tmp_path):
    def free() -> Iterator[bool]:
        for lock in tmp_path.glob("*.lock"):
            with FileLock(lock, timeout=0):
                yield True

    with opened(tmp_path):
        pass
    assert all(free())
    with contextlib.suppress(ValueError), opened(tmp_path):
        raise ValueError
    assert all(free())


@pytest.mark.parametrize(
    ("elbos", "winner"),
    [
        ([-3.0, -1.0, -2.0], 2),
        ([-1.0, -1.0], 1),
        ([float("-inf"), -5.0], 2),
        ([float("nan"), -5.0, -6.0], 2),
        ([-5.0, float("nan"), -4.0], 3),
    ],
)
def test_best_record_has_the_highest_elbo(elbos, winner):
    assert best([record(i + 1, elbo) for i, elbo in enumerate(elbos)]).epoch == winner


def test_best_checkpoint_is_of_an_epoch_with_a_validation(tmp_path):
    settings = params(val_every=3)
    records = train(tmp_path, settings)
    epochs = {name: content["training"]["position"]["epoch"] for name, content in published(tmp_path).items()}
    assert epochs == {"best.pt": best(records).epoch, "epoch_0002.pt": 2, "epoch_0004.pt": 4, "last.pt": 4}
    assert epochs["best.pt"] in (3, 4)


def test_publishing_replaces_only_the_checkpoints(tmp_path):
    out = tmp_path / "outputs" / "checkpoints"
    out.mkdir(parents=True)
    (out / "of_another_training.pt").write_text("old")
    (out.parent / "history.csv").write_text("kept")
    with opened(tmp_path / "scratch") as scratch:
        (scratch.checkpoints / "best.pt").write_text("new")
        scratch.publish(out)
    assert [path.name for path in out.iterdir()] == ["best.pt"]
    assert sorted(path.name for path in out.parent.iterdir()) == ["checkpoints", "history.csv"]
