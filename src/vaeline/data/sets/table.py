"""A table of the user's own: rows of numbers."""

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from pydantic import Field

from vaeline.core.errors import VaelineError
from vaeline.core.params import BaseOptions
from vaeline.core.scaling import Standardised
from vaeline.data.prepared import FEWEST
from vaeline.data.reading.columns import Classes, Columns, class_column, number_columns
from vaeline.data.reading.dataset import DataSet, Examples
from vaeline.data.reading.own_path import PathSection, own_path
from vaeline.data.reading.table_files import read_frame, table_file
from vaeline.data.split import split_indices

if TYPE_CHECKING:
    from pandas import DataFrame

TEST_SEED = 0  # the test rows are always the same ones
FEW_VALUES = 20  # a column with fewer is not continuous
NAMED = 12


class TableSection(PathSection, Protocol):
    """The options in `data:` that a table reads."""

    @property
    def table(self) -> "OwnTable.Options":
        """Options of `data.table`."""


class OwnTable(DataSet):
    """The table in `data.path`: CSV, Parquet or an array [N, D], of which each row is an observation.

    Its columns of numbers are modelled, or those that `columns` names; `label` names a column of classes. A
    share of the rows, `test_share`, is the test set, and a tenth of the rest is used for validation. Which
    rows these are depends on their places alone; with `data.split=tail` they are the last ones of the file.

    With `standardise`, each column has mean 0 and variance 1 over train. A column that is constant there is
    only shifted. The table is held in memory.
    """

    options: TableSection
    name = "table"
    of_path = True

    class Options(BaseOptions):
        """Options of `data.table`."""

        columns: list[str] = Field(default_factory=list)
        label: str = ""
        test_share: float = Field(0.1, gt=0, lt=1)
        standardise: bool = True

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns that are modelled."""
        return self._numbers.names

    @property
    def classes(self) -> tuple[str, ...]:
        """The values of the column of labels; one class without it."""
        return self._classes.names

    @property
    def train_size(self) -> int:
        """All rows that are used neither for validation nor for the test."""
        return self._count - self._test_size - self.valid_size

    @property
    def valid_size(self) -> int:
        """A tenth of the rows that are not in the test set, at least 3."""
        return max(FEWEST["valid"], (self._count - self._test_size) // 10)

    def scaling(self, train: np.ndarray) -> Standardised:
        """Returns mean and standard deviation of each column over the rows `train` of `training()`.

        Without `standardise` these are 0 and 1.

        Raises:
            VaelineError: if the numbers of a column are so large that these are not finite.
        """
        values = self.training().values[train]
        least, most = values.min(0), values.max(0)
        mean, std = np.zeros_like(least), np.ones_like(least)
        if self.options.table.standardise:
            with np.errstate(over="ignore", invalid="ignore"):
                mean, std = values.mean(0), values.std(0)
            std[(least == most) | (std == 0)] = 1
            mean[least == most] = least[least == most]
        limit = np.finfo(np.float32).max
        for name, *moments in zip(self.columns, mean, std, most - least, strict=True):
            if not np.isfinite(moments).all() or (not self.options.table.standardise and moments[2] > limit):
                raise VaelineError(
                    f"{self._file}: the numbers of column {name!r} are too large: divide them by a constant"
                )
        return Standardised(mean=mean.tolist(), std=std.tolist(), least=least.tolist(), most=most.tolist())

    def training(self) -> Examples:
        """Returns the rows that are not in the test set, in the order of the file; raises VaelineError."""
        return self._rows(np.setdiff1d(np.arange(self._count), self._test_rows))

    def test(self) -> Examples:
        """Returns the rows of the test set, in the order of the file; raises VaelineError."""
        return self._rows(self._test_rows)

    def remarks(self) -> list[str]:
        """Returns the columns that are modelled, those that are left out, and those that are suspicious."""
        train, _ = split_indices(self, self._count - self._test_size)
        values = self.training().values[train]
        distinct = {name: len(np.unique(column)) for name, column in zip(self.columns, values.T, strict=True)}
        constant = [name for name, count in distinct.items() if count == 1]
        few = [f"{name} ({count})" for name, count in distinct.items() if 1 < count < FEW_VALUES]
        left_out = [f"{name} ({reason})" for name, reason in self._numbers.left_out.items()]
        lines = {
            f"columns of {self._file.name}": list(self.columns),
            "left out, no columns of numbers": left_out,
            "constant in train, so shifted to 0 and not scaled": constant,
            "of few different values, so that the density of a Gaussian there means little": few,
        }
        return [f"{title}: {_named(names)}" for title, names in lines.items() if names]

    def _rows(self, rows: np.ndarray) -> Examples:
        return Examples(self._numbers.values[rows], self._classes.labels[rows])

    @cached_property
    def _file(self) -> Path:
        return table_file(own_path(self))

    @cached_property
    def _frame(self) -> "DataFrame":
        return read_frame(self._file)

    @cached_property
    def _numbers(self) -> Columns:
        options = self.options.table
        return number_columns(self._frame, options.columns, options.label, self._file)

    @cached_property
    def _classes(self) -> Classes:
        return class_column(self._frame, self.options.table.label, self._file)

    @cached_property
    def _count(self) -> int:
        count, needed = len(self._frame), sum(FEWEST.values())
        if count < needed:
            raise VaelineError(f"{self._file}: {count} rows, and at least {needed} are needed: add some")
        return count

    @cached_property
    def _test_size(self) -> int:
        size = max(FEWEST["test"], round(self.options.table.test_share * self._count))
        if self._count - size < FEWEST["train"] + FEWEST["valid"]:
            raise VaelineError(
                f"data.table.test_share = {self.options.table.test_share:g} leaves {self._count - size} "
                f"of {self._count} rows for train and valid: lower it, "
                "`dvc exp run -S data.table.test_share=0.1`"
            )
        return size

    @cached_property
    def _test_rows(self) -> np.ndarray:
        if self.options.split == "tail":
            return np.arange(self._count - self._test_size, self._count)
        # A number for each row, which stays the same if rows are added at the end of the file.
        drawn = np.random.RandomState(TEST_SEED).random_sample(self._count)
        return np.sort(np.argsort(drawn, kind="stable")[: self._test_size])


def _named(names: list[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
