"""A mean over examples, with its error."""

import math
from dataclasses import dataclass
from typing import Self

from torch import Tensor


@dataclass(frozen=True)
class Estimate:
    """A mean and its standard error over examples, in the unit of the values."""

    mean: float
    se: float

    @classmethod
    def of(cls, values: Tensor) -> Self:
        """Returns mean and standard error of `values` [N], N ≥ 2, one value for each example."""
        values = values.double()
        return cls(values.mean().item(), values.std().item() / math.sqrt(len(values)))
