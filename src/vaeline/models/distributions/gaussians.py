"""KL(q ‖ p) in nats: in closed form where one is known, else from the drawn z.

torch.distributions.kl_divergence is not used, since its dispatch breaks the graph under torch.compile.
"""

import math
from collections.abc import Sequence
from typing import TypeGuard

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, MultivariateNormal, Normal

from vaeline.core.errors import VaelineError
from vaeline.models.distributions.noise import Noise, NoiseDriven


def kl_terms(q: Distribution, p: Distribution, z: Tensor) -> Tensor:
    """Returns the terms whose sum over the last axis is KL(q ‖ p) for each example, in nats.

    Two diagonal Gaussians over R^d: the exact KL of each dimension, [B, d] (Kingma & Welling 2014,
    appendix B). A full Gaussian q: the exact KL in one term, [B, 1]. Anything else: the one unbiased term
    log q(z) − log p(z) on the drawn z, [K, B, 1].
    """
    if is_diagonal_gaussian(p):
        if is_diagonal_gaussian(q):
            return _normal_kl(q.base_dist, p.base_dist)
        if isinstance(q, FullGaussian):
            return _full_kl(q, p.base_dist)
    return drawn_terms(q, p, z)


def drawn_terms(q: Distribution, p: Distribution, z: Tensor) -> Tensor:
    """Returns log q(z) − log p(z) on the drawn z, in the terms of both: [K, B, terms], else [K, B, 1].

    Diagonal Gaussians have a term a dimension.
    """
    if is_diagonal_gaussian(q) and is_diagonal_gaussian(p):
        return q.base_dist.log_prob(z) - p.base_dist.log_prob(z)
    if isinstance(q, Termwise) and isinstance(p, Termwise):
        return q.terms(z) - p.terms(z)
    return (q.log_prob(z) - p.log_prob(z)).unsqueeze(-1)


class Termwise(Distribution):
    """A distribution whose log-probability is a sum of terms that it can tell."""

    def terms(self, value: Tensor) -> Tensor:
        """Returns the terms in nats, [..., terms]."""
        raise NotImplementedError

    def log_prob(self, value: Tensor) -> Tensor:
        """Returns their sum, [...]."""
        return self.terms(value).sum(-1)


def diagonal_gaussian(loc: Tensor, scale: Tensor) -> Independent:
    """Returns N(loc, diag scale²) over the last axis, without the checks that cost a pass over the values."""
    return Independent(Normal(loc, scale, validate_args=False), 1, validate_args=False)


class FullGaussian(NoiseDriven, MultivariateNormal):
    """N(loc, L Lᵀ) with L lower triangular.

    The density of what was drawn last comes from its noise: to solve for that again costs more, and for an
    ill-conditioned L its digits.
    """

    def __init__(self, loc: Tensor, scale_tril: Tensor) -> None:
        super().__init__(loc, scale_tril=scale_tril, validate_args=False)
        self.drawn: Tensor | None = None
        self.log_prob_drawn: Tensor | None = None

    def draw(self, sample_shape: Sequence[int], noise: Noise) -> Tensor:
        """Returns loc + L · ε for each of `sample_shape`, with a gradient."""
        eps = noise(torch.Size((*sample_shape, *self.loc.shape)), self.loc)
        self.drawn = self.loc + (self.scale_tril @ eps.unsqueeze(-1)).squeeze(-1)
        log_det = self.scale_tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        self.log_prob_drawn = -0.5 * (eps.square() + math.log(2 * math.pi)).sum(-1) - log_det
        return self.drawn

    def log_prob(self, value: Tensor) -> Tensor:
        """Returns the log-density in nats, [...], of z [..., d]."""
        return self.log_prob_drawn if value is self.drawn else super().log_prob(value)


def is_diagonal_gaussian(distribution: Distribution) -> TypeGuard[Independent[Normal]]:
    """Returns whether `distribution` is of the kind that `diagonal_gaussian` makes."""
    return isinstance(distribution, Independent) and isinstance(distribution.base_dist, Normal)


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


def _normal_kl(q: Normal, p: Normal) -> Tensor:
    variance_ratio = (q.scale / p.scale).square()
    distance = ((q.loc - p.loc) / p.scale).square()
    return 0.5 * (variance_ratio + distance - 1 - variance_ratio.log())


def _full_kl(q: FullGaussian, p: Normal) -> Tensor:
    variance_ratio = (q.scale_tril.square().sum(-1) / p.scale.square()).sum(-1)
    distance = ((q.loc - p.loc) / p.scale).square().sum(-1)
    log_ratio = 2 * (p.scale.log() - q.scale_tril.diagonal(dim1=-2, dim2=-1).log()).sum(-1)
    return 0.5 * (variance_ratio + distance - q.loc.shape[-1] + log_ratio).unsqueeze(-1)
