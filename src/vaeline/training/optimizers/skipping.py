"""Updates that are not finite are skipped."""

import functools
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor


class SkippingOptimizer(torch.optim.Optimizer):
    """An optimizer whose `step` does nothing where `found_inf` is 1, as PyTorch's fused optimizers do."""

    found_inf: Tensor | None = None


OptimizerT = TypeVar("OptimizerT", bound=SkippingOptimizer)


def skipping(step: Callable[[OptimizerT], None]) -> Callable[[OptimizerT], None]:
    """Lets `step` do nothing where `found_inf` is 1.

    The fused optimizers read it on the device; here the host does, and so waits for the device at each step.
    """

    @functools.wraps(step)
    def checked(self: OptimizerT) -> None:
        if self.found_inf is None or not self.found_inf.item():
            step(self)

    return checked
