"""Locks between processes, on file systems that have them."""

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from vaeline.core.errors import warn_once

# What flock answers where there is no lock service, such as on NFS without lockd and on some FUSE systems.
NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)

FOR_EVER = -1.0


class HeldElsewhereError(Exception):
    """Another process holds the lock."""


@contextlib.contextmanager
def locked(path: Path | str, wait: float = FOR_EVER) -> Iterator[None]:
    """Holds the lock of the file `path` within the block; it ends with the process at the latest.

    Where the file system has no locks, it says so once, and continues without.

    Args:
        path: a file of its own, which is made if it is missing, and stays.
        wait: seconds, at most, to wait for another process that holds the lock.

    Raises:
        HeldElsewhereError: if another process still holds it then.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not the soft lock, which a killed process would leave behind.
    lock = FileLock(path, fallback_to_soft=False)
    try:
        lock.acquire(timeout=wait)
    except Timeout:
        raise HeldElsewhereError(path) from None
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        warn_once(
            f"{path.parent.resolve()}: no file locks here ({error.strerror}): run one command at a time"
        )
        yield
        return
    try:
        yield
    finally:
        lock.release()
