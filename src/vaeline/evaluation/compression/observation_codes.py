"""How x is coded by p(x|z), for likelihoods that are probabilities of levels."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
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
        parameters = likelihood.log_weights, likelihood.loc, likelihood.log_scale
        weights, loc, log_scale = (fixed_point(parameter[0]) for parameter in parameters)
        self.shape = likelihood.event_shape
        self.log_weights = weights.flatten(1)  # [M, pixels]
        self.log_masses = [
            _log_masses(loc[:, channel].flatten(1), log_scale[:, channel].flatten(1))
            for channel in range(self.shape[0])
        ]

    def push(self, stack: BitStack, levels: np.ndarray) -> None:
        """Pushes the channels, the last one first, so that the first is popped first."""
        for channel in reversed(range(len(levels))):
            stack.push_categories(levels[channel].flatten(), self.masses(levels[:channel]))

    def pop(self, stack: BitStack) -> np.ndarray:
        """Returns the levels."""
        levels = np.empty(self.shape, np.uint8)
        for channel in range(len(levels)):
            popped = stack.pop_categories(self.masses(levels[:channel]))
            levels[channel] = popped.reshape(self.shape[1:])
        return levels

    def masses(self, before: np.ndarray) -> Tensor:
        """Returns P(g|z, channels `before` [c, H, W]) of the levels of the next channel, [pixels, 256]."""
        log_component = self.log_weights
        for levels, log_masses in zip(before, self.log_masses, strict=False):
            index = torch.from_numpy(levels.astype(np.int64)).flatten()
            log_component = log_component + log_masses[:, torch.arange(len(index)), index]
        log_component = log_component.log_softmax(0).unsqueeze(-1)
        return (log_component + self.log_masses[len(before)]).logsumexp(0).exp()


def _log_masses(loc: Tensor, log_scale: Tensor) -> Tensor:
    """Returns log P(g) of each component, [M, pixels, 256], for μ and log s [M, pixels]: see `LevelMixture`.

    Between the ends a and b of a level in units of s: σ(a) − σ(b) = σ(a) σ(−b) (1 − exp(b − a)).
    """
    edges = torch.arange(TOP_LEVEL, dtype=loc.dtype) + 0.5  # between two levels
    width = (-log_scale).exp().unsqueeze(-1) / TOP_LEVEL
    middle = (edges - TOP_LEVEL * loc.unsqueeze(-1)) * width
    below, above = logsigmoid(middle), logsigmoid(-middle)
    within = below[..., 1:] + above[..., :-1] + (-torch.expm1(-width)).log()
    return torch.cat([below[..., :1], within, above[..., -1:]], -1)


OBSERVATION_CODES: Mapping[type[Distribution], type[ObservationCode]] = {
    Coins: BlackOrWhite,
    LevelMixture: GreyLevels,
}
"""What codes x, by the kind of p(x|z)."""
