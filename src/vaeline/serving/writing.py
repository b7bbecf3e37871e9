"""Results on their way to a file, a batch at a time: the suffix of the file says what it becomes."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

import numpy as np
import torch
from torch import Tensor

from vaeline.core.errors import VaelineError
from vaeline.core.files import replacing
from vaeline.data.prepared import npy_header

SHEET_IMAGES = 1000  # on one sheet at most: more could not be looked at
SHEET_COLUMNS = 10
Pixels = Callable[[np.ndarray], np.ndarray]


class Writer(ABC):
    """Takes results batch by batch.

    Args:
        path: The file to write.
        prefix: What the columns of a table are called, before their number, where values have no names.
        columns: Images in a row of a sheet.
        pixels: What makes pixels in [0, 1] of results [n, C, H, W], for a sheet.
    """

    pictures: ClassVar[bool] = False
    """Whether it shows images, and nothing else."""

    def __init__(
        self, path: Path, prefix: str, columns: int = SHEET_COLUMNS, pixels: Pixels | None = None
    ) -> None:
        self.path, self.prefix, self.columns, self.pixels = path, prefix, columns, pixels

    @abstractmethod
    def write(self, names: Sequence[str], values: np.ndarray) -> None:
        """Appends results [n, ...] of the rows `names`; a structured array has a column for each field."""

    @abstractmethod
    def close(self) -> None:
        """Completes the file."""


class NpyWriter(Writer):
    """An .npy file, [N, ...]."""

    def __init__(
        self, path: Path, prefix: str, columns: int = SHEET_COLUMNS, pixels: Pixels | None = None
    ) -> None:
        super().__init__(path, prefix, columns, pixels)
        self.file: BinaryIO = path.open("wb")
        self.rows, self.like = 0, np.empty(0)

    def write(self, names: Sequence[str], values: np.ndarray) -> None:
        """Appends `values`."""
        if not self.rows:
            self.file.write(npy_header(values.dtype, (0, *values.shape[1:])))
        self.like = values[:0]
        self.file.write(np.ascontiguousarray(values).tobytes())
        self.rows += len(names)

    def close(self) -> None:
        """Writes the number of rows into the header, in which NumPy leaves room for it to grow."""
        self.file.seek(0)
        self.file.write(npy_header(self.like.dtype, (self.rows, *self.like.shape[1:])))
        self.file.close()


class CsvWriter(Writer):
    """A .csv table with the name of each row in its first column."""

    def __init__(
        self, path: Path, prefix: str, columns: int = SHEET_COLUMNS, pixels: Pixels | None = None
    ) -> None:
        super().__init__(path, prefix, columns, pixels)
        self.file = path.open("w", newline="")
        self.first = True

    def write(self, names: Sequence[str], values: np.ndarray) -> None:
        """Appends a line for each row."""
        table_of(names, values, self.prefix).to_csv(self.file, index=False, header=self.first)
        self.first = False

    def close(self) -> None:
        """Closes the file."""
        self.file.close()


class ParquetWriter(Writer):
    """A .parquet table with the name of each row in its first column."""

    def __init__(
        self, path: Path, prefix: str, columns: int = SHEET_COLUMNS, pixels: Pixels | None = None
    ) -> None:
        super().__init__(path, prefix, columns, pixels)
        self.file: Any = None

    def write(self, names: Sequence[str], values: np.ndarray) -> None:
        """Appends a row group."""
        import pyarrow as pa
        from pyarrow import parquet

        table = pa.Table.from_pandas(table_of(names, values, self.prefix), preserve_index=False)
        self.file = self.file or parquet.ParquetWriter(self.path, table.schema)
        self.file.write_table(table)

    def close(self) -> None:
        """Writes the end of the file."""
        if self.file is not None:
            self.file.close()


class SheetWriter(Writer):
    """One .png picture of all images."""

    pictures = True

    def __init__(
        self, path: Path, prefix: str, columns: int = SHEET_COLUMNS, pixels: Pixels | None = None
    ) -> None:
        super().__init__(path, prefix, columns, pixels)
        self.images: list[np.ndarray] = []

    def write(self, names: Sequence[str], values: np.ndarray) -> None:  # noqa: ARG002
        """Keeps images [n, C, H, W], or [n, k, C, H, W] where a row has several."""
        images = values.reshape(-1, *values.shape[-3:])
        self.images += list(self.pixels(images) if self.pixels else images)
        if len(self.images) > SHEET_IMAGES:
            raise VaelineError(
                f"a sheet of more than {SHEET_IMAGES} images cannot be looked at: use --out FILE.npy"
            )

    def close(self) -> None:
        """Writes the sheet."""
        from vaeline.reporting.plots.images import tiled  # imports matplotlib, which takes half a second

        if self.images:
            save_picture(tiled(torch.from_numpy(np.stack(self.images)), self.columns), self.path)


WRITERS: Mapping[str, type[Writer]] = {
    ".npy": NpyWriter,
    ".csv": CsvWriter,
    ".parquet": ParquetWriter,
    ".png": SheetWriter,
}


@contextmanager
def open_output(
    out: Path, prefix: str, pixels: Pixels | None = None, columns: int = SHEET_COLUMNS
) -> Iterator[Writer]:
    """Yields the writer of the kind that the suffix of `out` names; the file is there only once it is whole.

    Args:
        out: The file; its suffix is one of `WRITERS`.
        prefix: See `Writer`.
        pixels: What makes pixels in [0, 1] of results [n, C, H, W]; None where they are no images.
        columns: Images in a row of a sheet.

    Raises:
        VaelineError: If the suffix is none of them, or there are no images for a picture.
    """
    kinds = [suffix for suffix, kind in WRITERS.items() if pixels or not kind.pictures]
    if out.suffix not in kinds:
        raise VaelineError(f"--out {out}: use a name that ends in {', '.join(kinds)}")
    with replacing(out) as temporary, ExitStack() as stack:
        writer = WRITERS[out.suffix](temporary, prefix, columns, pixels)
        stack.callback(writer.close)
        yield writer


def table_of(names: Sequence[str], values: np.ndarray, prefix: str) -> Any:
    """Returns results as a table, the name of each row first; flat, where a row is more than one number."""
    import pandas as pd

    fields = values.dtype.names
    if fields:
        columns = {field: values[field] for field in fields}
    else:
        flat = values.reshape(len(values), -1)
        columns = {f"{prefix}{i}": flat[:, i] for i in range(flat.shape[1])}
    return pd.DataFrame({"row": list(names), **columns})


def save_picture(picture: Tensor, path: Path) -> None:
    """Writes [height, width, 3] in [0, 1] as an image file."""
    from PIL import Image

    Image.fromarray((picture.clamp(0, 1) * 255).round().to(torch.uint8).numpy()).save(path)
