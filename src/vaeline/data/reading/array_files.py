"""A file that holds arrays by name: the base of the kinds in `array_formats`."""

import math
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from vaeline.core.errors import VaelineError

MAPPED_BYTES = 1 << 25
"""Bytes read at a time."""


class ArrayFile(ABC):
    """A file, or a folder, that holds arrays by name.

    Attributes:
        path: where it is.
        kind: what it is, in messages.
        named: whether its arrays have names.
    """

    kind: ClassVar[str]
    named: ClassVar[bool] = True

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    @abstractmethod
    def names(self) -> list[str]:
        """Names of the arrays in it, sorted; raises VaelineError if the file is not what its name says."""

    @abstractmethod
    def pieces(self, name: str) -> Iterator[np.ndarray]:
        """Yields the array `name`, some rows at a time; of an array without rows one piece."""

    def place(self, name: str) -> str:
        """Returns how the array `name` is called in messages."""
        return f"{self.path}: {name}"

    def whole(self, name: str) -> np.ndarray:
        """Returns the array `name` in memory, as for labels."""
        return np.concatenate(list(self.pieces(name)))

    def mapped(self, name: str, scratch: Path) -> np.ndarray:
        """Returns the array `name` memory-mapped, so that any of its rows can be read at any time.

        Args:
            name: one of `names`.
            scratch: folder for an unnamed copy, where the file itself cannot be mapped.
        """
        return mapped_pieces(self.pieces(name), self.place(name), scratch)

    def damaged(self, error: Exception) -> VaelineError:
        """Returns the error of a file that cannot be read as its kind."""
        reason = " ".join(str(error).split())[:200]
        return VaelineError(f"{self.path}: not {self.kind} ({reason}): save it again, or name another file")


def mapped_pieces(pieces: Iterable[np.ndarray], name: str, scratch: Path) -> np.ndarray:
    """Returns pieces of at least one row of an array as one, memory-mapped from an unnamed file in `scratch`.

    Raises:
        VaelineError: if they differ in type, or in more than the number of rows.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    kinds: dict[tuple[tuple[int, ...], np.dtype[Any]], None] = {}
    rows = 0
    with tempfile.TemporaryFile(dir=scratch, prefix=".arrays-") as copy:
        for piece in pieces:
            kinds[piece.shape[1:], piece.dtype] = None
            if len(kinds) > 1:
                differ = " and ".join(f"{list(shape)} {dtype}" for shape, dtype in kinds)
                raise VaelineError(f"{name}: rows of {differ}: leave out those that differ")
            copy.write(np.ascontiguousarray(piece).data)
            rows += len(piece)
        copy.flush()
        ((of_row, dtype),) = kinds
        if not math.prod(shape := (rows, *of_row)):
            return np.empty(shape, dtype)
        array: np.ndarray = np.memmap(copy, dtype, mode="r", shape=shape)
        return array


@contextmanager
def needed(path: Path) -> Iterator[None]:
    """Within it a library is imported that only the file at `path` needs.

    Raises:
        VaelineError: if it is not installed.
    """
    try:
        yield
    except ImportError as error:
        name = (error.name or "").partition(".")[0]
        raise VaelineError(f"{path}: {name} is needed to read it: `pip install 'vaeline[arrays]'`") from None


def row_counts(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Iterator[int]:
    """Yields the numbers of rows of pieces of about `MAPPED_BYTES`, at least one piece."""
    step = max(1, MAPPED_BYTES // max(1, math.prod(shape[1:]) * dtype.itemsize))
    yield from (min(step, shape[0] - start) for start in range(0, max(1, shape[0]), step))
