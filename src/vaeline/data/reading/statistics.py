"""Mean, standard deviation and extremes of each channel or column, in one pass over the rows."""

from collections.abc import Iterator

import numpy as np

from vaeline.core.scaling import Standardised
from vaeline.data.arrays import ArraySource

STATISTICS_ROWS = 1024


def standardisation(source: ArraySource, rows: np.ndarray) -> Standardised:
    """Returns the scaling that gives `source[rows]` mean 0 and variance 1 in each channel or column.

    A channel of a single value is only moved to 0: its standard deviation counts as 1. Pieces are combined by
    the formula of Chan, Golub & LeVeque (1983), which does not lose digits where the mean is far from 0.

    Args:
        source: [N, C, …], read piece by piece.
        rows: the indices to take, at least one.
    """
    count = 0
    mean, squares = np.zeros(source.shape[1]), np.zeros(source.shape[1])
    least, most = np.full(source.shape[1], np.inf), np.full(source.shape[1], -np.inf)
    for values in _by_channel(source, rows):
        ours, change = values.shape[1], values.mean(1) - mean
        count += ours
        squares += np.square(values - values.mean(1, keepdims=True)).sum(1)
        squares += change**2 * (ours * (count - ours) / count)
        mean += change * (ours / count)
        least, most = np.minimum(least, values.min(1)), np.maximum(most, values.max(1))
    std = np.where(most > least, np.sqrt(squares / count), 1.0)
    return Standardised(mean=mean.tolist(), std=std.tolist(), least=least.tolist(), most=most.tolist())


def _by_channel(source: ArraySource, rows: np.ndarray) -> Iterator[np.ndarray]:
    """Yields the values of each channel, float64 [C, M], for some of the rows at a time."""
    for start in range(0, len(rows), STATISTICS_ROWS):
        values = source[rows[start : start + STATISTICS_ROWS]].astype(np.float64)
        yield values.swapaxes(0, 1).reshape(values.shape[1], -1)
