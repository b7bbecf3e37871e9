"""Arrays that are read piece by piece, in memory or loaded when they are indexed."""

from typing import Any, Protocol

import numpy as np


class ArraySource(Protocol):
    """What can be read as an array is, `source[rows]`, without having to be in memory as a whole."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the whole array, [N, ...]."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of its values."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: np.ndarray | slice, /) -> np.ndarray: ...
