"""The columns of a Parquet file as arrays."""

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np

from vaeline.core.errors import VaelineError
from vaeline.data.reading.array_files import ArrayFile, needed

BATCH_ROWS = 1024


class ParquetFile(ArrayFile):
    """A Parquet file: each column an array of numbers, text, or lists of one length, nested or not."""

    kind = "a Parquet file"

    @cached_property
    def _file(self) -> Any:
        with needed(self.path):
            from pyarrow import parquet
        try:
            return parquet.ParquetFile(self.path)
        except Exception as error:  # ArrowInvalid and others
            raise self.damaged(error) from None

    @property
    def names(self) -> list[str]:
        """Names of its columns."""
        return sorted(self._file.schema_arrow.names)

    def pieces(self, name: str) -> Iterator[np.ndarray]:
        """Yields the column, some rows at a time."""
        start = 0
        for batch in self._file.iter_batches(batch_size=BATCH_ROWS, columns=[name]):
            place = f"{self.place(name)}, rows {start} to {start + batch.num_rows - 1}"
            yield unnested(batch.column(0), place)
            start += batch.num_rows


def unnested(column: Any, place: str) -> np.ndarray:
    """Returns a column of pyarrow's as an array [rows, …], with an axis for each depth of lists.

    Raises:
        VaelineError: if the lists are not of one length, or if values are missing; `place` says where.
    """
    shape = [len(column)]
    while hasattr(column.type, "value_field"):  # a list, of fixed length or not
        lengths = np.unique(column.value_lengths().to_numpy(zero_copy_only=False))
        if column.null_count or len(lengths) != 1:
            raise VaelineError(f"{place}: lists of different lengths: leave out those that differ")
        shape.append(int(lengths[0]))
        column = column.flatten()
    if column.null_count:
        raise VaelineError(f"{place}: {column.null_count} values are missing: leave out their rows")
    array: np.ndarray = column.to_numpy(zero_copy_only=False)
    return array.reshape(shape)
