"""Updates that are not finite are skipped, and updates are cut so that a graph can replay them."""

import functools
from collections.abc import Callable
from typing import ClassVar, TypeVar

import torch
from torch import Tensor

from vaeline.evaluation.uncompiled import UncompiledOptimizer


class SkippingOptimizer(UncompiledOptimizer):
    """An optimizer whose updates do nothing where `found_inf` is 1, as PyTorch's fused optimizers do.

    One that is `capturable` cuts `update` into what the host does, `prepare`, and what the device does:
    `move`, and after some updates `refresh`. These two wait for nothing, and find what changes from one
    update to the next, such as the learning rate, on the device: a CUDA graph of each can be replayed.

    Attributes:
        found_inf: 1 where the update is to be skipped, else 0; None for no such check.
        captured: whether numbers of the host are handed over on the device. It is so on a GPU, captured or
            not, so that both give the same bits.
    """

    capturable: ClassVar[bool] = False
    found_inf: Tensor | None = None
    captured: bool = False

    def step(self) -> None:  # type: ignore[override]  # without a closure, which no one passes
        """Updates every parameter that has a gradient, between PyTorch's hooks."""
        self.update()

    def update(self) -> None:
        """Does what `step` does, without the hooks, which take a twentieth of a small network's step."""
        self.prepare()
        self.move()
        if self.refresh_due:
            self.refresh()

    def prepare(self) -> None:
        """Does the host's part before an update."""

    def move(self) -> None:
        """Does the device's part of an update: every parameter that has a gradient is changed."""

    @property
    def refresh_due(self) -> bool:
        """Whether `refresh` belongs to this update."""
        return False

    def refresh(self) -> None:
        """Does what the device does after some updates only."""


class DeviceNumber:
    """A number of the host's as a tensor [] on a device, where a captured graph finds each new value."""

    def __init__(self, device: torch.device) -> None:
        self.tensor = torch.zeros((), device=device)
        self._value = 0.0

    def set(self, value: float) -> Tensor:
        """Sets the number, without waiting for the device, and returns the tensor."""
        if value != self._value:
            self.tensor.fill_(value)
            self._value = value
        return self.tensor


OptimizerT = TypeVar("OptimizerT", bound=SkippingOptimizer)


def skipping(update: Callable[[OptimizerT], None]) -> Callable[[OptimizerT], None]:
    """Lets `update` do nothing where `found_inf` is 1.

    The fused optimizers read it on the device; here the host does, and so waits for the device at each step.
    """

    @functools.wraps(update)
    def checked(self: OptimizerT) -> None:
        if self.found_inf is None or not self.found_inf.item():
            update(self)

    return checked
