"""How x is coded by p(x|z), for likelihoods that are probabilities of levels."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Distribution
from torch.nn.functional import logsigmoid

from vaeline.core.scaling import TOP_LEVEL
from vaeline.evaluation.compression.bit_stack import BitStack
from vaeline.evaluation.compression.fixed_point import fixed_point
from vaeline.models.likelihoods.bernoulli import Coins
from vaeline.models.likelihoods.discretized_logistic import LevelMixture


class ObservationCode(ABC):
    """Pushes and pops one observation by its p(x|z).

    Attributes:
        levels: those that have a probability.
    """

    levels: ClassVar[range]

    @abstractmethod
    def __init__(self, likelihood: Any) -> None:
        """Takes p(x|z) with the batch shape [1]."""

    @abstractmethod
    def push(self, stack: BitStack, levels: np.ndarray) -> None:
        """Pushes uint8 levels [*event_shape]."""

    @abstractmethod
    def pop(self, stack: BitStack) -> np.ndarray:
        """Returns uint8 levels [*event_shape]."""


class BlackOrWhite(ObservationCode):
    """Levels 0 and 255, each by its Bernoulli distribution."""

    levels = range(0, TOP_LEVEL + 1, TOP_LEVEL)

    def __init__(self, likelihood: Coins) -> None:
        self.shape = likelihood.event_shape
        self.probability = fixed_point(likelihood.base_dist.logits).sigmoid().flatten()

    def push(self, stack: BitStack, levels: np.ndarray) -> None:
        """Pushes the levels."""
        stack.push_bits(levels.flatten() == TOP_LEVEL, self.probability)

    def pop(self, stack: BitStack) -> np.ndarray:
        """Returns the levels."""
        bits = stack.pop_bits(self.probability).astype(np.uint8)
        return TOP_LEVEL * bits.reshape(self.shape)


class GreyLevels(ObservationCode):
    """Levels 0 … 255, by a mixture of discretized logistics at each pixel.

    The channels of a pixel share the component, so that each is coded given those before it.
    """

    levels = range(TOP_LEVEL + 1)

    def __init__(self, likelihood: LevelMixture) -> None:
        self.log_weights, self.loc, self.log_scale = (
            fixed_point(of_all[0])
            for of_all in (likelihood.log_weights, likelihood.loc, likelihood.log_scale)
        )
        self.shape = likelihood.event_shape

    def push(self, stack: BitStack, levels: np.ndarray) -> None:
        """Pushes the channels, the last one first, so that the first is popped first."""
        tables = self._masses_of_channels(lambda channel, _: levels[channel])
        for channel, table in reversed(list(enumerate(tables))):
            stack.push_categories(levels[channel].flatten(), table)

    def pop(self, stack: BitStack) -> np.ndarray:
        """Returns the levels."""
        levels = np.empty(self.shape, np.uint8)

        def popped(channel: int, table: Tensor) -> np.ndarray:
            levels[channel] = stack.pop_categories(table).reshape(self.shape[1:])
            return levels[channel]

        self._masses_of_channels(popped)
        return levels

    def _masses_of_channels(self, level_of: Callable[[int, Tensor], np.ndarray]) -> list[Tensor]:
        """Returns P(g|z, channels before) of each channel, [pixels, 256] each.

        `level_of` takes a channel and its table, and returns the channel's levels [H, W].
        """
        log_posterior, tables = self.log_weights.flatten(1), []  # [M, pixels], of the components
        for channel in range(self.shape[0]):
            log_masses = self._log_masses(channel)
            tables.append((log_posterior.unsqueeze(-1) + log_masses).logsumexp(0).exp())
            levels = torch.from_numpy(level_of(channel, tables[-1]).astype(np.int64)).flatten()
            log_posterior = log_posterior + log_masses[:, torch.arange(len(levels)), levels]
            log_posterior = log_posterior.log_softmax(0)
        return tables

    def _log_masses(self, channel: int) -> Tensor:
        """Returns log P(g) of each component, [M, pixels, 256]: see `LevelMixture.log_prob`."""
        loc, log_scale = (of_all[:, channel].flatten(1) for of_all in (self.loc, self.log_scale))
        edges = torch.arange(TOP_LEVEL, dtype=loc.dtype) + 0.5  # between two levels
        width = (-log_scale).exp().unsqueeze(-1) / TOP_LEVEL
        middle = (edges - TOP_LEVEL * loc.unsqueeze(-1)) * width  # [M, pixels, 255]
        below, above = logsigmoid(middle), logsigmoid(-middle)
        within = below[..., 1:] + above[..., :-1] + (-torch.expm1(-width)).log()
        return torch.cat([below[..., :1], within, above[..., -1:]], -1)


OBSERVATION_CODES: Mapping[type[Distribution], type[ObservationCode]] = {
    Coins: BlackOrWhite,
    LevelMixture: GreyLevels,
}
"""What codes x, by the kind of p(x|z)."""
