"""Results on their way to a file, a batch at a time: the suffix of the file says what it becomes."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar

import numpy as np
import torch
from torch import Tensor

from vaeline.core.errors import VaelineError
from vaeline.core.files import replacing
from vaeline.data.prepared import npy_header

if TYPE_CHECKING:
    from pandas import DataFrame

SHEET_IMAGES = 1000  # on one sheet at most: more could not be looked at
SHEET_COLUMNS = 10
Pixels = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class OutputLayout:
    """How results are laid out in a file.

    Attributes:
        prefix: What the columns of a table are called, before their number, where values have no names.
        fields: Names of the values along the last axis of results, if they have names.
        columns: Images in a row of a sheet.
        pixels: What makes pixels in [0, 1] of results [n, C, H, W], for a sheet.
    """

    prefix: str
    fields: Sequence[str] = ()
    columns: int = SHEET_COLUMNS
    pixels: Pixels | None = None


class Writer(ABC):
    """Takes results batch by batch.

    Args:
        path: The file to write.
        layout: How they are laid out in it.
    """

    pictures: ClassVar[bool] = False
    """Whether it shows images, and nothing else."""

    def __init__(self, path: Path, layout: OutputLayout) -> None:
        self.path, self.layout = path, layout

    @abstractmethod
    def write(self, names: Sequence[str], values: np.ndarray) -> None:
        """Appends results [n, ...] of the rows `names`; a structured array has a column for each field."""

    @abstractmethod
    def close(self) -> None:
        """Completes the file."""


class NpyWriter(Writer):
    """An .npy file, [N, ...]."""

    def __init__(self, path: Path, layout: OutputLayout) -> None:
        super().__init__(path, layout)
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

    def __init__(self, path: Path, layout: OutputLayout) -> None:
        super().__init__(path, layout)
        self.file = path.open("w", newline="")
        self.first = True

    def write(self, names: Sequence[str], values: np.ndarray) -> None:
        """Appends a line for each row."""
        table_of(names, values, self.layout).to_csv(self.file, index=False, header=self.first)
        self.first = False

    def close(self) -> None:
        """Closes the file."""
        self.file.close()


class ParquetWriter(Writer):
    """A .parquet table with the name of each row in its first column."""

    def __init__(self, path: Path, layout: OutputLayout) -> None:
        super().__init__(path, layout)
        self.file: Any = None

    def write(self, names: Sequence[str], values: np.ndarray) -> None:
        """Appends a row group."""
        import pyarrow as pa
        from pyarrow import parquet

        table = pa.Table.from_pandas(table_of(names, values, self.layout), preserve_index=False)
        self.file = self.file or parquet.ParquetWriter(self.path, table.schema)
        self.file.write_table(table)

    def close(self) -> None:
        """Writes the end of the file."""
        if self.file is not None:
            self.file.close()


class SheetWriter(Writer):
    """One .png picture of all images."""

    pictures = True

    def __init__(self, path: Path, layout: OutputLayout) -> None:
        super().__init__(path, layout)
        self.images: list[np.ndarray] = []

    def write(self, names: Sequence[str], values: np.ndarray) -> None:  # noqa: ARG002
        """Keeps images [n, C, H, W], or [n, k, C, H, W] where a row has several."""
        images = values.reshape(-1, *values.shape[-3:])
        self.images += list(self.layout.pixels(images) if self.layout.pixels else images)
        if len(self.images) > SHEET_IMAGES:
            raise VaelineError(
                f"a sheet of more than {SHEET_IMAGES} images cannot be looked at: use --out FILE.npy"
            )

    def close(self) -> None:
        """Writes the sheet."""
        from vaeline.reporting.plots.images import tiled  # imports matplotlib, which takes half a second

        if self.images:
            save_picture(tiled(torch.from_numpy(np.stack(self.images)), self.layout.columns), self.path)


WRITERS: Mapping[str, type[Writer]] = {
    ".npy": NpyWriter,
    ".csv": CsvWriter,
    ".parquet": ParquetWriter,
    ".png": SheetWriter,
}


@contextmanager
def open_output(
    out: Path,
    prefix: str,
    pixels: Pixels | None = None,
    columns: int = SHEET_COLUMNS,
    fields: Sequence[str] = (),
) -> Iterator[Writer]:
    """Yields the writer of the kind that the suffix of `out` names; the file is there only once it is whole.

    Args:
        out: The file; its suffix is one of `WRITERS`.
        prefix: See `OutputLayout`, as for the following.
        pixels: None where results are no images.
        columns: Images in a row of a sheet.
        fields: Names of the values along the last axis.

    Raises:
        VaelineError: If the suffix is none of them, or there are no images for a picture.
    """
    kinds = [suffix for suffix, kind in WRITERS.items() if pixels or not kind.pictures]
    if out.suffix not in kinds:
        raise VaelineError(f"--out {out}: use a name that ends in {', '.join(kinds)}")
    with replacing(out) as temporary, ExitStack() as stack:
        writer = WRITERS[out.suffix](temporary, OutputLayout(prefix, fields, columns, pixels))
        stack.callback(writer.close)
        yield writer


def table_of(names: Sequence[str], values: np.ndarray, layout: OutputLayout) -> "DataFrame":
    """Returns results as a table, the name of each row first; flat, where a row is more than one number."""
    import pandas as pd

    if values.dtype.names:
        columns = {field: values[field] for field in values.dtype.names}
    else:
        flat = values.reshape(len(values), -1)
        columns = dict(zip(_headings(values.shape[1:], layout), flat.T, strict=True))
    first = "row" if "row" not in columns else "row_name"
    return pd.DataFrame({first: list(names), **columns})


def _headings(shape: tuple[int, ...], layout: OutputLayout) -> list[str]:
    """Returns a name for each value of a row: of the third of several points, `mass_2`."""
    if not layout.fields:
        return [f"{layout.prefix}{i}" for i in range(math.prod(shape))]
    points = np.ndindex(*shape[:-1])
    return ["_".join([field, *map(str, point)]) for point in points for field in layout.fields]


def save_picture(picture: Tensor, path: Path) -> None:
    """Writes [height, width, 3] in [0, 1] as an image file."""
    from PIL import Image

    Image.fromarray((picture.clamp(0, 1) * 255).round().to(torch.uint8).numpy()).save(path)
