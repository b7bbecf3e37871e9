"""Locks, also where the file system has none: flock is made to fail as it does there."""

import errno
import fcntl
import os

import pytest

from vaeline.core.errors import warn_once
from vaeline.core.locking import FOR_EVER, NO_LOCKS, HeldElsewhereError, locked


@pytest.fixture(autouse=True)
def _nothing_said_yet():
    warn_once.cache_clear()


def without_locks(monkeypatch, code: int) -> None:
    def flock(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", flock)


def test_a_held_lock_is_held_until_the_block_ends(tmp_path):
    path = tmp_path / "new" / "one.lock"
    with locked(path), pytest.raises(HeldElsewhereError), locked(path, wait=0):
        raise AssertionError("two hold one lock")
    with locked(path, wait=0):
        pass


def test_an_error_in_the_block_passes_and_frees_the_lock(tmp_path):
    for error in (ValueError(), OSError(errno.ENOLCK, "of something else"), HeldElsewhereError()):
        with pytest.raises(type(error)) as caught, locked(tmp_path / "lock"):
            raise error
        assert caught.value is error
        with locked(tmp_path / "lock", wait=0):
            pass


@pytest.mark.parametrize("code", NO_LOCKS, ids=errno.errorcode.get)
@pytest.mark.parametrize("wait", [0, FOR_EVER])
def test_without_a_lock_service_the_block_runs_and_that_is_said_once(
    tmp_path, monkeypatch, capsys, code, wait
):
    without_locks(monkeypatch, code)
    ran = []
    for name in ("a.lock", "b.lock"):
        with locked(tmp_path / name, wait):
            ran.append(name)
    assert ran == ["a.lock", "b.lock"]
    assert capsys.readouterr().err.splitlines() == [
        f"{tmp_path}: no file locks here ({os.strerror(code)}): run one command at a time"
    ]


def test_another_failure_of_the_lock_is_an_error(tmp_path, monkeypatch):
    without_locks(monkeypatch, errno.EIO)
    with pytest.raises(OSError, match="Input/output"), locked(tmp_path / "lock"):
        raise AssertionError("ran without the lock")
