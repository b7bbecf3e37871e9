"""Mixtures of diagonal Gaussians."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from vaeline.models.distributions.noise import Noise, NoiseDriven


class GaussianMixture(NoiseDriven):
    """Σ_m π_m N(loc_m, diag scale_m²) over R^d, for loc and scale [M, d] and log-weights [M].

    Its density takes two matrix products, where torch's MixtureSameFamily needs an array of z by components
    by dimensions. They are in double precision: z²/σ² − 2zμ/σ² + μ²/σ² is a difference of large numbers.
    """

    def __init__(self, loc: Tensor, scale: Tensor, log_weights: Tensor) -> None:
        self.loc, self.scale, self.log_weights = loc, scale, log_weights.log_softmax(-1)
        super().__init__(torch.Size(), loc.shape[-1:], validate_args=False)

    @property
    def mean(self) -> Tensor:
        """The mean, [d]."""
        return self.log_weights.exp() @ self.loc

    @property
    def variance(self) -> Tensor:
        """The variance of each dimension, [d]."""
        second = self.log_weights.exp() @ (self.loc.square() + self.scale.square())
        return second - self.mean.square()

    def log_prob(self, value: Tensor) -> Tensor:
        """Returns the log-density in nats, [...], of z [..., d]."""
        loc, precision, z = self.loc.double(), self.scale.double().square().reciprocal(), value.double()
        constant = (loc.square() * precision).sum(-1) + (2 * math.pi / precision).log().sum(-1)  # [M]
        squares = z.square() @ precision.mT - 2 * z @ (loc * precision).mT  # [..., M]
        return (self.log_weights - 0.5 * (squares + constant)).logsumexp(-1).to(value.dtype)

    @torch.no_grad()
    def draw(self, sample_shape: Sequence[int], noise: Noise) -> Tensor:
        """Returns draws without a gradient, [*sample_shape, d].

        Of d + 1 numbers for each, the last chooses the component.
        """
        eps = noise(torch.Size((*sample_shape, self.loc.shape[-1] + 1)), self.loc)
        heights = self.log_weights.exp().cumsum(-1)
        chosen = torch.searchsorted(heights, torch.special.ndtr(eps[..., -1].contiguous()))
        chosen = chosen.clamp(max=len(heights) - 1)  # where rounding leaves the last height below 1
        return self.loc[chosen] + self.scale[chosen] * eps[..., :-1]
