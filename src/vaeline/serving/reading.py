"""Observations for a trained model, from files, with their labels: checked row by row, in flat memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vaeline.core.errors import VaelineError
from vaeline.core.progress import bar
from vaeline.core.scaling import AnyScaling
from vaeline.evaluation.chunks import rows_at_a_time
from vaeline.evaluation.input_checks import check_values
from vaeline.models.contracts import Model
from vaeline.serving.sources import RowSource, open_source, read_array


@dataclass(frozen=True)
class Batch:
    """Consecutive observations.

    Attributes:
        names: What each is called, [n].
        values: [n, *event_shape], as `TrainedModel` takes them.
        labels: [n], or None.
        scaling: Of the model's data.
    """

    names: list[str]
    values: np.ndarray
    labels: np.ndarray | None
    scaling: AnyScaling

    @property
    def returned(self) -> np.ndarray:
        """The values in the units that `TrainedModel` returns, float32: levels in [0, 1]."""
        return self.scaling.written(self.scaling.read(self.values))


def read_batches(
    model: Model, path: Path, labels: str | None = None, rows: int | None = None
) -> Iterator[Batch]:
    """Yields the observations in `path` in batches, with a progress bar.

    Args:
        model: The model that is to take them.
        path: A folder of images, an image, or an .npy, .npz, .csv or .parquet file.
        labels: A column of the table, or an .npy or .csv file with one label a row. A column is left out of
            the observations, also where the model takes no labels.
        rows: The most observations of a batch; as many as are decoded at a time if not given.

    Raises:
        VaelineError: For what cannot be read, or what the model cannot take, with its row.
    """
    source, given = _with_labels(model, path, labels)
    start = 0
    most = rows or rows_at_a_time(model.event_shape)
    few = source.total is not None and source.total <= most
    with bar(total=source.total, desc=path.name, unit="row", disable=few) as progress:
        for chunk in source.chunks(most):
            end = start + len(chunk.names)
            values = to_observations(model, chunk.values, str(path), start)
            if given is not None and end > len(given):
                raise _wrong_count(labels, len(given), f"more than {len(given)}")
            yield Batch(chunk.names, values, None if given is None else given[start:end], model.scaling)
            progress.update(len(chunk.names))
            start = end
    if given is not None and start < len(given):
        raise _wrong_count(labels, len(given), str(start))


def read_all(model: Model, path: Path, labels: str | None = None, most: int | None = None) -> Batch:
    """Returns the observations in `path` at once, or the first `most` of them; see `read_batches`."""
    batches = []
    for batch in read_batches(model, path, labels, most):
        batches.append(batch)
        if most is not None:
            break
    if not batches:
        raise VaelineError(f"{path}: no rows in it")
    given = [batch.labels for batch in batches if batch.labels is not None]
    return Batch(
        [name for batch in batches for name in batch.names],
        np.concatenate([batch.values for batch in batches]),
        np.concatenate(given) if given else None,
        model.scaling,
    )


def to_observations(model: Model, array: np.ndarray, name: str = "array", first: int = 0) -> np.ndarray:
    """Returns rows as observations of `model`, [n, *event_shape], in the type that they have.

    A row may have the event shape, its channels last, lack its one channel, or be flat, as in a table. Where
    channels, height and width are equal, they are taken to be in this order.

    Args:
        model: The model that is to take them.
        array: [n, ...], values as `TrainedModel` takes them.
        name: What the array is called in an error.
        first: The number of its first row.

    Raises:
        VaelineError: For another shape or type, NaN, infinity, and values out of range, with the row.
    """
    shape = tuple(model.event_shape)
    size = int(np.prod(shape))
    last = (*shape[1:], shape[0])
    if array.shape[1:] not in (shape, last, shape[shape[0] == 1 :], (size,)):
        flat = f", or {size} values side by side" if len(shape) > 1 else ""
        raise VaelineError(
            f"{name}: rows of shape {list(array.shape[1:])}, and this model takes {list(shape)}{flat} (and "
            "--labels names a column of labels)"
        )
    if array.shape[1:] == last != shape:
        array = np.moveaxis(array, -1, 1)
    check_values(model, array, name, first)
    return array.reshape(len(array), *shape)


def _with_labels(model: Model, path: Path, labels: str | None) -> tuple[RowSource, np.ndarray | None]:
    """Returns the source, and its labels, [N], from a column of the table or from a file of their own."""
    if labels is None:
        return open_source(path, model), None
    source = open_source(path, model, left_out=labels)
    given = source.column(labels)
    if given is None:
        source.left_out = None
        given = _labels_in(Path(labels), path)
    elif not model.classes:
        return source, None
    if source.total is not None and source.total != len(given):
        raise _wrong_count(labels, len(given), str(source.total))
    return source, given


def _labels_in(file: Path, path: Path) -> np.ndarray:
    if not file.is_file():
        raise VaelineError(f"--labels {file}: neither a file nor a column of {path}")
    if file.suffix != ".csv":
        return np.array(read_array(file))
    import pandas as pd

    table = pd.read_csv(file)
    if table.shape[1] != 1:
        raise VaelineError(f"{file}: {table.shape[1]} columns, and one of labels is needed")
    return table.iloc[:, 0].to_numpy()


def _wrong_count(labels: str | None, count: int, rows: str) -> VaelineError:
    return VaelineError(f"{labels}: {count} labels for {rows} rows: one a row is needed")
