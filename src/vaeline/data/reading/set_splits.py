"""The splits of a set of Hugging Face's: which they are, and their rows, from first to last."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from vaeline.core.errors import VaelineError
from vaeline.data.reading.array_labels import checked_labels
from vaeline.data.reading.hub_sets import OpenedSet, brief
from vaeline.data.reading.layout import ROLES, Role, split_role
from vaeline.data.reading.parquet_files import unnested

if TYPE_CHECKING:
    import pyarrow as pa

SECTION = "data.huggingface"
STREAMED_ROWS = 64
"""Rows read at a time: few, since each may hold a photograph of megabytes."""
NO_LABELS = f"`dvc exp run -S \"{SECTION}.label=''\"`"
DEFAULT_LABEL = "label"
"""The column of labels that need not be there."""


class SetSplit:
    """One split, and its columns of images and labels.

    Args:
        name: as in the set.
        rows: a `Dataset` or `IterableDataset`.
        place: the set, in messages.
        image: the column of images.
        label: the column of labels; "" without one, and where that is its default and not there.

    Raises:
        VaelineError: if it has not the columns.
    """

    def __init__(self, name: str, rows: Any, place: str, image: str, label: str) -> None:
        self.name, self.place, self.image = name, f"{place}, {name}", image
        self._rows = rows
        columns = self._schema().names
        self.label = "" if label == DEFAULT_LABEL and label not in columns else label
        for option, column in (("image", image), ("label", self.label)):
            if column and column not in columns:
                raise VaelineError(
                    f"{self.place} has no column {column!r}, but {', '.join(columns)}: name one of these, "
                    f"`dvc exp run -S {SECTION}.{option}=NAME`"
                )
        self.count = 0
        """Rows that have been read."""
        self._labels: list[np.ndarray] = []

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the labels, if the set declares them."""
        features = self._rows.features
        return tuple(getattr(features[self.label], "names", ())) if features and self.label else ()

    @property
    def labels(self) -> np.ndarray:
        """Whole numbers or text, [count], of the rows that have been read."""
        return np.concatenate(self._labels)

    @property
    def holds_pictures(self) -> bool:
        """Whether the images are encoded pictures rather than arrays."""
        import pyarrow as pa

        kind = self._schema().field(self.image).type
        in_bytes = pa.types.is_binary(kind) or pa.types.is_large_binary(kind)
        return in_bytes or (pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0)

    def images(self) -> Iterator["pa.Array"]:
        """Yields the column of images, some rows at a time, and keeps their labels.

        Raises:
            VaelineError: if the rows cannot be read, a label is missing, or there is no row.
        """
        columns = list(dict.fromkeys(filter(None, (self.image, self.label))))
        self.count, self._labels = 0, []
        with refused_in_one_line(self.place):
            for table in self._rows.select_columns(columns).with_format("arrow").iter(STREAMED_ROWS):
                if self.label:
                    name = f"{self.place} from row {self.count}: {self.label}"
                    labels = unnested(_column(table, self.label), name)
                    self._labels.append(checked_labels(name, labels, table.num_rows))
                yield _column(table, self.image)
                self.count += table.num_rows
        if not self.count:
            raise VaelineError(f"{self.place}: no rows in it: add some, or name another split")

    def _schema(self) -> "pa.Schema":
        """Returns names and Arrow types of the columns, of a first row if the files do not declare them."""
        if self._rows.features is not None:
            return self._rows.features.arrow_schema
        with refused_in_one_line(self.place):
            return next(iter(self._rows.with_format("arrow").iter(1))).schema


def chosen_splits(
    opened: OpenedSet, asked: Mapping[Role, str], image: str, label: str
) -> dict[Role, SetSplit]:
    """Returns the splits that are used: those that are `asked` for, and else those with a usual name.

    Args:
        opened: the set.
        asked: the name of each split; "" takes the one with a usual name, if there is one.
        image: the column of images.
        label: the column of labels, or "".

    Raises:
        VaelineError: if there is no such split, no split to train on, several with the name of one, or if
            they have not the columns.
    """
    parts: dict[Role, SetSplit] = {}
    for role in ROLES:
        if name := _split_name(opened, role, asked[role]):
            parts[role] = SetSplit(name, opened.splits[name], opened.place, image, label)
    train = parts["train"]
    for part in parts.values():
        if (part.label, part.holds_pictures) != (train.label, train.holds_pictures):
            raise VaelineError(
                f"{part.place} has other kinds of columns than {train.name}: {image!r} has to hold pictures "
                "in both or arrays in both, and labels have to be in both or in neither, "
                f"{NO_LABELS}"
            )
    return parts


@contextlib.contextmanager
def refused_in_one_line(place: str) -> Iterator[None]:
    """Within the block, whatever a file or the network raises becomes a VaelineError."""
    try:
        yield
    except VaelineError:
        raise
    except Exception as error:
        raise VaelineError(
            f"{place}: its rows cannot be read ({brief(error)}): run `dvc repro prepare` again, or save the "
            "set with `save_to_disk` and name that folder in data.path"
        ) from None


def _split_name(opened: OpenedSet, role: Role, asked: str) -> str:
    """Returns the name of the split for a role, or "" if there is none and none is needed."""
    names = list(map(str, opened.splits))
    fitting = [name for name in names if (name == asked if asked else split_role(name) == role)]
    if len(fitting) > 1 or (not fitting and (asked or role == "train")):
        wanted = (
            f"no split {asked!r}" if asked else f"{'several splits' if fitting else 'no split'} for {role}"
        )
        raise VaelineError(
            f"{opened.place} has {wanted}, but {', '.join(names)}: name one of these, "
            f"`dvc exp run -S {SECTION}.{role}_split=NAME`"
        )
    return fitting[0] if fitting else ""


def _column(table: "pa.Table", name: str) -> "pa.Array":
    """Returns a column as one array, of lists where `datasets` has a type of its own for arrays."""
    import pyarrow as pa

    column = table[name].combine_chunks()
    return column.storage if isinstance(column, pa.ExtensionArray) else column
