"""Updates that are not finite are skipped."""

import functools
from collections.abc import Callable

from torch.optim import Optimizer


def skipping(step: Callable[[Optimizer], None]) -> Callable[[Optimizer], None]:
    """Lets `step` do nothing where `found_inf` is set, as PyTorch's fused optimizers do by themselves.

    Those look at it on the device; here the host does, and so waits for the device at each step.
    """

    @functools.wraps(step)
    def checked(self: Optimizer) -> None:
        found_inf = getattr(self, "found_inf", None)
        if found_inf is None or not found_inf.item():
            step(self)

    return checked
