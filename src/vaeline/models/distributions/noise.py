"""Noise as an argument: where the standard normal numbers behind a draw come from.

A model asks a `Noise` for what its draws of z need, always in the same order and shapes for the same number
of observations and draws, so that a training can prepare the noise of a step before it.
"""

from abc import abstractmethod
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal


class Noise(Protocol):
    """A source of standard normal numbers."""

    def __call__(self, shape: torch.Size, like: Tensor) -> Tensor:
        """Returns independent N(0, 1) numbers of `shape`, with the dtype and the device of `like`.

        A model asks for [K, B, …]: for each of K draws, for each of B observations.
        """


def global_noise(shape: torch.Size, like: Tensor) -> Tensor:
    """Returns noise from torch's global generator: the default of everything that takes a `Noise`."""
    return torch.randn(shape, dtype=like.dtype, device=like.device)


class RequestedNoise:
    """A source that notes what it is asked for and gives zeros, so that the noise can be drawn beforehand."""

    def __init__(self) -> None:
        self._requests: list[tuple[torch.Size, Tensor]] = []  # shape, and an empty tensor of its kind

    def __call__(self, shape: torch.Size, like: Tensor) -> Tensor:
        """Returns zeros of `shape`."""
        self._requests.append((shape, like.new_empty(0)))
        return torch.zeros(shape, dtype=like.dtype, device=like.device)

    def prepared(self, noise: Noise) -> list[Tensor]:
        """Returns what was asked for, of `noise`, in the same order."""
        return [noise(shape, like) for shape, like in self._requests]


def in_order(prepared: Sequence[Tensor]) -> Noise:
    """Returns a source that gives each of `prepared` once, in their order, whatever it is asked for."""
    left = iter(prepared)
    return lambda _shape, _like: next(left)


class NoiseDriven(Distribution):
    """A distribution whose draws are a function of standard normal noise.

    With `has_rsample`, the draws have a gradient to its parameters (the reparameterization of Kingma &
    Welling 2014, section 2.4).
    """

    @abstractmethod
    def draw(self, sample_shape: Sequence[int], noise: Noise) -> Tensor:
        """Returns draws made of `noise`, [*sample_shape, *batch, *event]."""

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Returns draws with a gradient, [*sample_shape, *batch, *event], from torch's global generator."""
        if not self.has_rsample:
            raise NotImplementedError(f"draws of {type(self).__name__} have no gradient: use sample")
        return self.draw(sample_shape, global_noise)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Returns draws without a gradient, [*sample_shape, *batch, *event]."""
        with torch.no_grad():
            return self.draw(sample_shape, global_noise)


class LastDraw(NamedTuple):
    """What a distribution drew last, and its log-density [...], where that is cheaper known than computed."""

    z: Tensor
    log_prob: Tensor


def draw(distribution: Distribution, sample_shape: Sequence[int], noise: Noise) -> Tensor:
    """Returns draws made of `noise`, [*sample_shape, *batch, *event], with a gradient where there is one.

    With torch's global generator as `noise` they are those of `distribution.rsample(sample_shape)`.

    Args:
        distribution: a diagonal Gaussian, or one that is `NoiseDriven`.
        sample_shape: (K,) for K draws each, () for one.
        noise: asked once, for [*sample_shape, *batch, …].

    Raises:
        TypeError: for any other distribution.
    """
    if isinstance(distribution, NoiseDriven):
        return distribution.draw(sample_shape, noise)
    if isinstance(distribution, Independent) and isinstance(distribution.base_dist, Normal):
        loc, scale = distribution.base_dist.loc, distribution.base_dist.scale
        return loc + noise(torch.Size((*sample_shape, *loc.shape)), loc) * scale
    raise TypeError(
        f"{type(distribution).__name__} does not say how it is drawn from noise: make it `NoiseDriven`"
    )
