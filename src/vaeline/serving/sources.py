"""Rows in files: a folder of images, an array, or a table, read a chunk at a time."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vaeline.core.errors import VaelineError
from vaeline.data.reading.encoded import ImageFile
from vaeline.data.reading.image_files import folder_content
from vaeline.data.reading.pictures import picture_extensions
from vaeline.data.reading.pixels import Background, Form, square_image
from vaeline.models.contracts import Model

if TYPE_CHECKING:
    from pandas import DataFrame

IMAGES_ENTRY = "images"  # of an .npz that holds several arrays


@dataclass(frozen=True)
class SourceRows:
    """Consecutive rows of a source.

    Attributes:
        names: What each row is called: its file, or its number.
        values: [n, ...], as they are stored.
    """

    names: list[str]
    values: np.ndarray


class RowSource(ABC):
    """Rows of a file or a folder.

    Args:
        path: Where they are.
        model: The model that is to take them.
        left_out: The column of a table that is not part of an observation, such as its labels.
    """

    total: int | None = None
    """How many rows there are, where that is known before they are read."""

    def __init__(self, path: Path, model: Model, left_out: str | None = None) -> None:
        self.path, self.model, self.left_out = path, model, left_out

    @abstractmethod
    def chunks(self, count: int) -> Iterator[SourceRows]:
        """Yields all rows, at most `count` at a time; raises VaelineError for what cannot be read."""

    def column(self, name: str) -> np.ndarray | None:  # noqa: ARG002
        """Returns a column, [N], of a table that has one of that name, else None."""
        return None


class ImageFiles(RowSource):
    """Image files, a single one or those of a folder at any depth, decoded as the training images were."""

    def __init__(self, path: Path, model: Model, left_out: str | None = None) -> None:
        super().__init__(path, model, left_out)
        self.form = image_form(model, path)
        self.names = folder_content(path).files if path.is_dir() else [path.name]
        self.folder = path if path.is_dir() else path.parent
        self.total = len(self.names)
        if not self.names:
            raise VaelineError(f"{path}: no images in it, at any depth")

    def chunks(self, count: int) -> Iterator[SourceRows]:
        """Yields uint8 [n, C, S, S]."""
        for start in range(0, len(self.names), count):
            names = self.names[start : start + count]
            yield SourceRows(names, np.stack([self._decoded(name) for name in names]))

    def _decoded(self, name: str) -> np.ndarray:
        path = self.folder / name
        try:
            square = square_image(ImageFile(str(path)).read(), self.form)
            levels = np.asarray(square.image)
        except Exception as error:  # damaged files raise anything
            raise VaelineError(f"{path}: not readable as an image ({error}): move it away") from None
        return np.moveaxis(levels.reshape(self.form.side, self.form.side, -1), -1, 0)


class ArrayRows(RowSource):
    """An array in an .npy file, memory-mapped, or in an .npz file, loaded."""

    def __init__(self, path: Path, model: Model, left_out: str | None = None) -> None:
        super().__init__(path, model, left_out)
        self.array = read_array(path)
        if self.array.ndim == 0:
            raise VaelineError(f"{path}: a single number, and rows are needed")
        self.total = len(self.array)

    def chunks(self, count: int) -> Iterator[SourceRows]:
        """Yields slices of the array."""
        for start in range(0, len(self.array), count):
            values = np.array(self.array[start : start + count])
            yield SourceRows(row_numbers(start, len(values)), values)


class TableRows(RowSource):
    """A table; a row is one observation, or the values of one image."""

    def numbers(self, frame: "DataFrame") -> np.ndarray:
        """Returns the columns that the model names, or all but `left_out`, [n, columns].

        Raises:
            VaelineError: For a column that is missing, or that holds what is no number.
        """
        names = list(self.model.columns) or [name for name in frame.columns if name != self.left_out]
        for name in names:
            if name not in frame.columns:
                raise VaelineError(
                    f"{self.path}: no column '{name}', and this model takes {', '.join(names)}: the file has "
                    f"{', '.join(map(str, frame.columns))}"
                )
            if frame[name].dtype.kind not in "biuf":
                raise VaelineError(
                    f"{self.path}: column '{name}' holds {frame[name].iloc[0]!r}: rows of numbers are needed"
                )
        values: np.ndarray = frame[names].to_numpy()
        return values


class CsvTable(TableRows):
    """A .csv table with a header; a row is one observation, or the values of one image."""

    def chunks(self, count: int) -> Iterator[SourceRows]:
        """Yields the columns side by side, [n, columns]."""
        import pandas as pd

        start = 0
        try:
            for frame in pd.read_csv(self.path, chunksize=count):
                yield SourceRows(row_numbers(start, len(frame)), self.numbers(frame))
                start += len(frame)
        except (ValueError, pd.errors.ParserError) as error:
            raise VaelineError(f"{self.path}: not readable as a table ({_brief(error)})") from None

    def column(self, name: str) -> np.ndarray | None:
        """Returns a column, [N], or None."""
        import pandas as pd

        if name not in pd.read_csv(self.path, nrows=0).columns:
            return None
        return pd.read_csv(self.path, usecols=[name])[name].to_numpy()


class ParquetTable(TableRows):
    """A .parquet table; a row is one observation, or the values of one image."""

    def __init__(self, path: Path, model: Model, left_out: str | None = None) -> None:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile

        super().__init__(path, model, left_out)
        try:
            self.file = ParquetFile(path)
        except ArrowException as error:
            raise VaelineError(f"{path}: not readable as Parquet ({_brief(error)})") from None
        self.total = self.file.metadata.num_rows

    def chunks(self, count: int) -> Iterator[SourceRows]:
        """Yields the columns side by side, [n, columns]."""
        start = 0
        for batch in self.file.iter_batches(count):
            yield SourceRows(row_numbers(start, len(batch)), self.numbers(batch.to_pandas()))
            start += len(batch)

    def column(self, name: str) -> np.ndarray | None:
        """Returns a column, [N], or None."""
        if name not in self.file.schema_arrow.names:
            return None
        return self.file.read([name]).column(0).to_numpy()


ROW_SOURCES: Mapping[str, type[RowSource]] = {
    ".npy": ArrayRows,
    ".npz": ArrayRows,
    ".csv": CsvTable,
    ".parquet": ParquetTable,
}


def open_source(path: Path, model: Model, left_out: str | None = None) -> RowSource:
    """Returns the rows in `path`, by its suffix; see `RowSource`.

    Raises:
        VaelineError: There is no such file, its kind is unknown, or it cannot be read.
    """
    if not path.exists():
        raise VaelineError(f"{path}: no such file or folder")
    suffix = path.suffix.lower()
    if path.is_dir() or suffix in picture_extensions():
        return ImageFiles(path, model, left_out)
    if suffix not in ROW_SOURCES:
        raise VaelineError(f"{path}: give a folder of images, an image, or {', '.join(ROW_SOURCES)}")
    return ROW_SOURCES[suffix](path, model, left_out)


def image_form(model: Model, path: Path) -> Form:
    """Returns what image files become for `model`; raises VaelineError where it takes no square images."""
    shape = tuple(model.event_shape)
    if len(shape) != 3 or shape[0] not in (1, 3) or shape[1] != shape[2]:
        raise VaelineError(
            f"{path}: images become squares in grey or RGB, and this model takes {list(shape)}: "
            "put them into an .npy file of that shape"
        )
    ground: Background = "black" if model.trained_on.get("background") == "black" else "white"
    return Form(shape[0], shape[1], background=ground)


def read_array(path: Path) -> np.ndarray:
    """Returns the array in an .npy or .npz file; raises VaelineError where there is none, or several."""
    try:
        content = np.load(path, mmap_mode="r", allow_pickle=False)
        if isinstance(content, np.ndarray):
            return content
        entry = content.files[0] if len(content.files) == 1 else IMAGES_ENTRY
        if entry not in content.files:
            raise VaelineError(
                f"{path}: it holds {', '.join(content.files)}: name the one to read {IMAGES_ENTRY}"
            )
        return content[entry]
    except (ValueError, OSError, EOFError) as error:
        raise VaelineError(f"{path}: not readable as a NumPy array ({_brief(error)})") from None


def row_numbers(start: int, count: int) -> list[str]:
    """Returns the numbers of `count` rows as their names."""
    return [str(row) for row in range(start, start + count)]


def _brief(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
