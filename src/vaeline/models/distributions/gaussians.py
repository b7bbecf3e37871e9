"""Gaussians over R^d: diagonal ones, and those with all covariances."""

import math
from collections.abc import Sequence
from typing import TypeGuard

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, MultivariateNormal, Normal

from vaeline.core.errors import VaelineError
from vaeline.models.distributions.noise import LastDraw, Noise, NoiseDriven


def diagonal_gaussian(loc: Tensor, scale: Tensor) -> Independent[Normal]:
    """Returns N(loc, diag scale²) over the last axis, without the checks that cost a pass over the values."""
    return Independent(Normal(loc, scale, validate_args=False), 1, validate_args=False)


def is_diagonal_gaussian(distribution: Distribution) -> TypeGuard[Independent[Normal]]:
    """Returns whether `distribution` is of the kind that `diagonal_gaussian` makes."""
    return isinstance(distribution, Independent) and isinstance(distribution.base_dist, Normal)


class FullGaussian(NoiseDriven, MultivariateNormal):
    """N(loc, L Lᵀ) with L lower triangular.

    The density of the last draw comes from its noise: to solve for that again costs more, and for an
    ill-conditioned L its digits.
    """

    def __init__(self, loc: Tensor, scale_tril: Tensor) -> None:
        super().__init__(loc, scale_tril=scale_tril, validate_args=False)
        self.last: LastDraw | None = None

    def draw(self, sample_shape: Sequence[int], noise: Noise) -> Tensor:
        """Returns loc + L · ε for each of `sample_shape`, with a gradient."""
        eps = noise(torch.Size((*sample_shape, *self.loc.shape)), self.loc)
        z = self.loc + (self.scale_tril @ eps.unsqueeze(-1)).squeeze(-1)
        log_det = self.scale_tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        self.last = LastDraw(z, -0.5 * (eps.square() + math.log(2 * math.pi)).sum(-1) - log_det)
        return z

    def log_prob(self, value: Tensor) -> Tensor:
        """Returns the log-density in nats, [...], of z [..., d]."""
        if self.last is not None and value is self.last.z:
            return self.last.log_prob
        return super().log_prob(value)


def detached(distribution: Distribution) -> Distribution:
    """Returns `distribution` without a gradient to its parameters; raises VaelineError for other kinds."""
    if isinstance(distribution, FullGaussian):
        return FullGaussian(distribution.loc.detach(), distribution.scale_tril.detach())
    if not is_diagonal_gaussian(distribution):
        raise VaelineError(
            "objective.iwae.estimator: 'stl' and 'dreg' need a Gaussian posterior: use 'standard'"
        )
    base = distribution.base_dist
    return diagonal_gaussian(base.loc.detach(), base.scale.detach())
