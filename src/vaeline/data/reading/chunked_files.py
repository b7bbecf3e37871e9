"""Arrays in chunks: HDF5 and Zarr, by libraries that are imported where they are needed."""

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np

from vaeline.data.reading.array_files import ArrayFile, library, row_counts


class Hdf5File(ArrayFile):
    """An HDF5 file; arrays in groups have names such as `images/train`."""

    kind = "an HDF5 file"

    @cached_property
    def _file(self) -> Any:
        h5py = library("h5py", self.path)
        try:
            return h5py.File(self.path)
        except OSError as error:
            raise self.damaged(error) from None

    @property
    def names(self) -> list[str]:
        """Names of its arrays."""
        h5py, names = library("h5py", self.path), list[str]()
        self._file.visititems(
            lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None
        )
        return sorted(names)

    def pieces(self, name: str) -> Iterator[np.ndarray]:
        """Yields the array chunk by chunk; text as such."""
        array = self._file[name]
        yield from _slices(array.asstr() if array.dtype.hasobject else array, array.shape, array.dtype)


class ZarrFolder(ArrayFile):
    """A Zarr group, of version 2 or 3."""

    kind = "a Zarr group"

    @cached_property
    def _group(self) -> Any:
        zarr = library("zarr", self.path)
        try:
            return zarr.open_group(self.path, mode="r")
        except Exception as error:  # of several kinds, between versions of Zarr
            raise self.damaged(error) from None

    @property
    def names(self) -> list[str]:
        """Names of its arrays."""
        return sorted(self._group.array_keys())

    def pieces(self, name: str) -> Iterator[np.ndarray]:
        """Yields the array chunk by chunk."""
        array = self._group[name]
        yield from _slices(array, array.shape, array.dtype)


def _slices(array: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Iterator[np.ndarray]:
    start = 0
    for rows in row_counts(shape, dtype):
        yield np.asarray(array[start : start + rows])
        start += rows
