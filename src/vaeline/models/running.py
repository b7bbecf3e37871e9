"""Running statistics: buffers that a module updates by itself while it trains, beside its parameters."""

from abc import ABC, abstractmethod

from torch import Tensor, nn


class KeepsStatistics(nn.Module, ABC):
    """A module that updates running statistics of its own in training mode."""

    @abstractmethod
    def running_statistics(self) -> tuple[Tensor, ...]:
        """Returns the buffers that hold them, without those of its sub-modules."""


def running_statistics(module: nn.Module) -> list[Tensor]:
    """Returns the buffers with running statistics in `module` and its sub-modules, BatchNorm's included.

    A training puts them back where an update is skipped.
    """
    statistics: list[Tensor] = []
    for part in module.modules():
        if isinstance(part, KeepsStatistics):
            statistics += part.running_statistics()
        elif isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d):
            own = part.running_mean, part.running_var, part.num_batches_tracked
            statistics += [buffer for buffer in own if buffer is not None]
    return statistics
