"""Arrays that NumPy saved: .npy, alone or in a folder, and .npz."""

import math
import zipfile
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy

from vaeline.data.reading.array_files import ArrayFile, row_counts


class NpyFolder(ArrayFile):
    """A folder of .npy files, each an array of that name."""

    kind = "an array that NumPy saved"

    @property
    def names(self) -> list[str]:
        """Names of its .npy files, without the ending."""
        return sorted(file.stem for file in self.path.glob("*.npy"))

    def pieces(self, name: str) -> Iterator[np.ndarray]:
        """Yields all of the array, which is mapped."""
        yield self.mapped(name)

    def mapped(self, name: str, scratch: Path | None = None) -> np.ndarray:  # noqa: ARG002
        """Returns the array, mapped where it lies."""
        return self._mapped(self.path / f"{name}.npy")

    def _mapped(self, file: Path) -> np.ndarray:
        try:
            array: np.ndarray = np.load(file, mmap_mode="r", allow_pickle=False)
        except (ValueError, OSError, EOFError) as error:
            raise type(self)(file).damaged(error) from None
        return array


class NpyFile(NpyFolder):
    """A single .npy file: an array that has whatever name it is asked for."""

    named = False

    @property
    def names(self) -> list[str]:
        """None: it has one array, without a name."""
        return []

    def place(self, name: str) -> str:  # noqa: ARG002
        """Returns the file."""
        return str(self.path)

    def mapped(self, name: str, scratch: Path | None = None) -> np.ndarray:  # noqa: ARG002
        """Returns the array, mapped where it lies."""
        return self._mapped(self.path)


class NpzFile(ArrayFile):
    """An archive of arrays, compressed or not."""

    kind = "an archive that NumPy saved"

    @property
    def names(self) -> list[str]:
        """Names of its arrays."""
        return sorted(name.removesuffix(".npy") for name in self._archive.namelist())

    def pieces(self, name: str) -> Iterator[np.ndarray]:
        """Yields the array while it is decompressed."""
        try:
            with self._archive.open(f"{name}.npy") as member:
                shape, fortran, dtype = _header(member)
                if fortran or dtype.hasobject or not shape:
                    with np.load(self.path, allow_pickle=False) as whole:
                        yield whole[name]
                    return
                for rows in row_counts(shape, dtype):
                    content = member.read(rows * math.prod(shape[1:]) * dtype.itemsize)
                    yield np.frombuffer(content, dtype).reshape(rows, *shape[1:])
        except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
            raise self.damaged(error) from None

    @cached_property
    def _archive(self) -> zipfile.ZipFile:
        try:
            return zipfile.ZipFile(self.path)
        except zipfile.BadZipFile as error:
            raise self.damaged(error) from None


def _header(member: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = npy.read_magic(member)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    return read(member)
