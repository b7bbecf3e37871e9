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
from vaeline.data.reading.dataset import Examples, OwnDataSet
from vaeline.data.reading.own_path import PathSection, own_path
from vaeline.data.reading.shares import with_share_as_test
from vaeline.data.reading.statistics import standardisation
from vaeline.data.reading.table_files import read_frame, table_file
from vaeline.data.split import split_indices

if TYPE_CHECKING:
    from pandas import DataFrame

FEW_VALUES = 20  # a column with fewer is not continuous
NAMED = 12


class TableSection(PathSection, Protocol):
    """The options in `data:` that a table reads."""

    @property
    def table(self) -> "OwnTable.Options":
        """Options of `data.table`."""


class OwnTable(OwnDataSet):
    """The table in `data.path`: CSV, Parquet or an array [N, D], of which each row is an observation.

    Its columns of numbers are modelled, or those that `columns` names; `label` names a column of classes. A
    share of the rows, `test_share`, is the test set, always the same ones, and a tenth of the rest is used
    for validation; with `data.split=tail` these are the last rows of the file.

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

    def scaling(self, train: np.ndarray) -> Standardised:
        """Returns mean and standard deviation of each column over the rows `train` of `training()`.

        Without `standardise` these are 0 and 1.
        """
        scaling = standardisation(self.training().values, train)
        if self.options.table.standardise:
            return scaling
        count = len(self.columns)
        return scaling.model_copy(update={"mean": [0.0] * count, "std": [1.0] * count})

    def training(self) -> Examples:
        """Returns the rows that are not in the test set, in the order of the file; raises VaelineError."""
        return self._parts[0]

    def test(self) -> Examples:
        """Returns the rows of the test set, in the order of the file; raises VaelineError."""
        return self._parts[1]

    def remarks(self) -> list[str]:
        """Returns the columns that are modelled, those that are left out, and those that are suspicious."""
        values = self.training().values[split_indices(self, len(self.training().values))[0]]
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

    @cached_property
    def _parts(self) -> tuple[Examples, Examples]:
        every = Examples(self._numbers.values, self._classes.labels)
        share, count = self.options.table.test_share, len(every.labels)
        training = count - max(FEWEST["test"], round(share * count))
        fewest = FEWEST["train"] + FEWEST["valid"]
        if training < fewest:
            raise VaelineError(
                f"{self._file}: {count} rows, of which data.table.test_share = {share:g} leaves "
                f"{max(0, training)} for train and valid, and at least {fewest} are needed: add some, or "
                "`dvc exp run -S data.table.test_share=0.1`"
            )
        if self.options.split == "tail":
            return _of_rows(every, slice(training)), _of_rows(every, slice(training, None))
        return with_share_as_test(every, share)

    @cached_property
    def _file(self) -> Path:
        return table_file(own_path(self.name, self.options))

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


def _of_rows(examples: Examples, rows: slice) -> Examples:
    return Examples(examples.values[rows], examples.labels[rows])


def _named(names: list[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
