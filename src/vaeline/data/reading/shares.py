"""A test set that is a share of the only examples there are, always the same ones."""

import numpy as np

from vaeline.data.arrays import ArraySource
from vaeline.data.prepared import FEWEST
from vaeline.data.reading.dataset import Examples


def with_share_as_test(examples: Examples, share: float) -> tuple[Examples, Examples]:
    """Returns training and test examples, each in their own order: about `share` of them in the test set."""
    training, test = share_as_test(len(examples.values), share)
    return rows_of(examples, training), rows_of(examples, test)


def share_as_test(count: int, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Returns the rows, ascending, of the training and of the test set of `count` examples."""
    # RandomState, not default_rng: only its stream is guaranteed not to change between versions of NumPy.
    order = np.random.RandomState(0).permutation(count)
    tested = max(FEWEST["test"], round(share * count))
    return np.sort(order[tested:]), np.sort(order[:tested])


def rows_of(examples: Examples, rows: np.ndarray) -> Examples:
    """Returns some of the examples, whose values are read when they are indexed."""
    factors = None if examples.factors is None else examples.factors[rows]
    return Examples(Rows(examples.values, rows), examples.labels[rows], factors)


class Rows:
    """Some `rows` of a source, read when they are indexed."""

    def __init__(self, source: ArraySource, rows: np.ndarray) -> None:
        self._source, self._rows = source, rows
        self.shape, self.dtype = (len(rows), *source.shape[1:]), source.dtype

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, rows: np.ndarray | slice) -> np.ndarray:
        return self._source[self._rows[rows]]
