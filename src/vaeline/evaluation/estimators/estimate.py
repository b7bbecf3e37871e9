"""A mean over examples with its standard error."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from torch import Tensor

ROUNDING = 1e-12  # relative to the mean: a smaller error is a rounding error


@dataclass(frozen=True)
class Estimate:
    """A mean and its standard error over examples, in the unit of the values."""

    mean: float
    se: float

    @classmethod
    def of(cls, values: Tensor) -> Self:
        """Returns mean and standard error of `values` [N], N ≥ 2, one for each example."""
        values = values.double()
        return cls(values.mean().item(), values.std().item() / math.sqrt(len(values)))


def means_with_errors(values: Mapping[str, Tensor]) -> dict[str, float]:
    """Returns the mean of each of `values` [N] under its name, and its standard error under `<name>_se`."""
    metrics: dict[str, float] = {}
    for name, estimate in ((name, Estimate.of(value)) for name, value in values.items()):
        metrics |= {name: estimate.mean, f"{name}_se": estimate.se}
    return metrics


def estimate_text(metrics: Mapping[str, Any], name: str) -> str:
    """Returns `mean ± error` with two digits of the error, or the mean with four digits if it has none."""
    mean, error = metrics[name], metrics.get(f"{name}_se")
    if error is None:
        return f"{mean:.4g}"
    if error < ROUNDING * abs(mean):  # all examples have the same value
        error = 0.0
    return f"{mean:.{error_digits(error)}f} ± {error:.{error_digits(error)}f}"


def error_digits(error: float) -> int:
    """Returns the number of decimals that show two digits of `error`."""
    return max(0, 1 - math.floor(math.log10(error))) if error > 0 else 4
