"""A mean over examples, with its error."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from torch import Tensor

ROUNDING = 1e-12  # of a mean: a smaller error is one of arithmetic


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


def means_with_errors(values: Mapping[str, Tensor]) -> dict[str, float]:
    """Returns the mean of each of `values` [N] under its name, and its standard error under `<name>_se`."""
    metrics = {}
    for name, estimate in ((name, Estimate.of(value)) for name, value in values.items()):
        metrics |= {name: estimate.mean, f"{name}_se": estimate.se}
    return metrics


def estimate_text(metrics: Mapping[str, Any], name: str) -> str:
    """Returns a mean ± its error, to the digit that two of the error's reach; to four digits without one."""
    mean, error = metrics[name], metrics.get(f"{name}_se")
    if error is None:
        return f"{mean:.4g}"
    if error < ROUNDING * abs(mean):  # all images have the same, as far as numbers go
        error = 0.0
    return f"{mean:.{error_digits(error)}f} ± {error:.{error_digits(error)}f}"


def error_digits(error: float) -> int:
    """Returns how many digits after the point show two of the error's."""
    return max(0, 1 - math.floor(math.log10(error))) if error > 0 else 4
