"""Arrays in chunks: HDF5 and Zarr, by libraries that are imported where they are needed."""

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np

from vaeline.data.reading.array_files import ArrayFile, needed, row_counts


class Hdf5File(ArrayFile):
    """An HDF5 file; arrays in groups have names such as `images/train`."""

    kind = "an HDF5 file"

    @cached_property
    def _file(self) -> Any:
        with needed(self.path):
            import h5py
        try:
            return h5py.File(self.path)
        except OSError as error:
            raise self.damaged(error) from None

    @property
    def names(self) -> list[str]:
        """Names of its arrays."""
        names: list[str] = []
        # Groups have no shape.
        self._file.visititems(lambda name, item: names.append(name) if hasattr(item, "shape") else None)
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
        with needed(self.path):
            import zarr
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
