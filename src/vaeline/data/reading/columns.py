"""The columns of a table: those of numbers, which are modelled, and the one of classes."""

import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vaeline.core.errors import VaelineError

if TYPE_CHECKING:
    from pandas import DataFrame, Series

MOST_CLASSES = 0.5
"""Share of the rows: a column with more different values is not one of classes."""

LARGEST_NUMBER = 1e30
"""Larger numbers have no square in single precision, and stand for missing values rather than measure."""


class Columns(NamedTuple):
    """Columns of numbers.

    Attributes:
        names: of the D columns.
        values: float64 [N, D], all finite and below `LARGEST_NUMBER`.
        left_out: why each of the other columns is not among them, by its name.
    """

    names: tuple[str, ...]
    values: np.ndarray
    left_out: dict[str, str]


class Classes(NamedTuple):
    """The class of each row: names, in the order of their values, and labels, int64 [N]."""

    names: tuple[str, ...]
    labels: np.ndarray


def number_columns(frame: "DataFrame", wanted: Sequence[str], label: str, file: Path) -> Columns:
    """Returns the columns `wanted`, or if that is empty, every column of numbers but the one of labels.

    Rows are counted from 1, without the line of names.

    Raises:
        VaelineError: if a wanted column is missing or holds text, if no column holds numbers, and for the
            first value that is missing, NaN, infinite or beyond `LARGEST_NUMBER`.
    """
    left_out = {}
    for name in wanted or [name for name in frame.columns if name != label]:
        _check_name(frame, name, "data.table.columns", file)
        if reason := _reason_against(frame[name], everything=not wanted):
            left_out[name] = reason
    if wanted and left_out:
        name, reason = next(iter(left_out.items()))
        raise VaelineError(f"{file}: column {name!r} of data.table.columns is not of numbers: {reason}")
    names = [name for name in wanted or frame.columns if name != label and name not in left_out]
    if not names:
        reasons = "; ".join(f"{name!r}: {reason}" for name, reason in [*left_out.items()][:3])
        raise VaelineError(f"{file}: no column of numbers{f' ({reasons})' if reasons else ''}: add one")
    values = frame[names].to_numpy(np.float64, na_value=np.nan)
    _check_finite(values, names, file)
    return Columns(tuple(names), values, left_out)


def class_column(frame: "DataFrame", label: str, file: Path) -> Classes:
    """Returns the class of each row; without a `label`, all rows are of one class.

    Raises:
        VaelineError: if there is no such column, a value is missing, or most values are different.
    """
    if not label:
        return Classes(("row",), np.zeros(len(frame), np.int64))
    _check_name(frame, label, "data.table.label", file)
    labels, values = frame[label].factorize(sort=True)
    if (labels < 0).any():
        raise VaelineError(
            f"{file}: row {int(np.argmin(labels)) + 1}, column {label!r} of data.table.label: no value: fill "
            "it in, or remove the row"
        )
    if len(values) > max(1, MOST_CLASSES * len(frame)):
        raise VaelineError(
            f"{file}: column {label!r} of data.table.label has {len(values)} different values in "
            f"{len(frame)} rows: it is no column of classes, name another one"
        )
    return Classes(tuple(_text(value) for value in values), labels.astype(np.int64))


def _check_name(frame: "DataFrame", name: str, param: str, file: Path) -> None:
    if name not in frame.columns:
        close = difflib.get_close_matches(name, frame.columns, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"it has {_names(frame.columns)}"
        raise VaelineError(f"{file}: no column {name!r}, which {param} names: {hint}")


def _reason_against(column: "Series", everything: bool) -> str:
    """Returns why a column cannot be modelled, or with `everything`, why it is better left out; or ""."""
    from pandas.api import types

    if not types.is_numeric_dtype(column.dtype) or types.is_complex_dtype(column.dtype):
        return _first_text(column)
    if everything and column.isna().all():
        return "it is empty"
    if everything and column.name == "Unnamed: 0" and (column.to_numpy() == np.arange(len(column))).all():
        return "it counts the rows, and has no name"
    return ""


def _first_text(column: "Series") -> str:
    for row, value in enumerate(column, start=1):
        try:
            float(value)
        except (TypeError, ValueError):
            return f"{str(value)[:40]!r} in row {row}"
    return f"it is of type {column.dtype}"


def _check_finite(values: np.ndarray, names: Sequence[str], file: Path) -> None:
    wrong = np.argwhere(~(np.abs(values) < LARGEST_NUMBER))
    if len(wrong):
        row, column = wrong[0]
        others = f", and {len(wrong) - 1} more such values" if len(wrong) > 1 else ""
        raise VaelineError(
            f"{file}: row {row + 1}, column {names[column]!r}: {values[row, column]:g}{others}: fill it in, "
            "remove the row, or leave the column out (data.table.columns)"
        )


def _text(value: object) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _names(names: Iterable[str]) -> str:
    every = list(names)
    return ", ".join(map(repr, every[:8])) + (f" and {len(every) - 8} more" if len(every) > 8 else "")
