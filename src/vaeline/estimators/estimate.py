"""A mean over examples, with its error."""

import math
from collections.abc import Mapping
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


def means(values: Mapping[str, Tensor]) -> dict[str, float]:
    """Returns the mean of each of `values` [N] under its name, and its standard error under `<name>_se`."""
    metrics = {}
    for name, estimate in ((name, Estimate.of(value)) for name, value in values.items()):
        metrics |= {name: estimate.mean, f"{name}_se": estimate.se}
    return metrics
