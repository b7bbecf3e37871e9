"""KL(q ‖ p) in nats: in closed form where one is known, else from the drawn z.

torch.distributions.kl_divergence is not used, since its dispatch breaks the graph under torch.compile.
"""

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal

from vaeline.errors import VaelineError
from vaeline.shards import standard_normal


def kl_terms(q: Distribution, p: Distribution, z: Tensor) -> Tensor:
    """Returns the terms whose sum over the last axis is KL(q ‖ p) for each example, in nats.

    Two diagonal Gaussians over R^d: the exact KL of each dimension, [B, d] (Kingma & Welling 2014,
    appendix B). Anything else: the one unbiased term log q(z) − log p(z) on the drawn z, [K, B, 1].
    """
    if is_diagonal_gaussian(q) and is_diagonal_gaussian(p):
        return _normal_kl(q.base_dist, p.base_dist)
    return drawn_terms(q, p, z)


def drawn_terms(q: Distribution, p: Distribution, z: Tensor) -> Tensor:
    """Returns log q(z) − log p(z) on the drawn z: [K, B, d] for two diagonal Gaussians, else [K, B, 1]."""
    if is_diagonal_gaussian(q) and is_diagonal_gaussian(p):
        return q.base_dist.log_prob(z) - p.base_dist.log_prob(z)
    return (q.log_prob(z) - p.log_prob(z)).unsqueeze(-1)


class Gaussian(Normal):
    """A normal distribution whose noise knows of shards."""

    def rsample(self, sample_shape: torch.Size = torch.Size()) -> Tensor:  # noqa: B008
        """Returns loc + scale · ε for each of `sample_shape`, with a gradient."""
        noise = standard_normal(self._extended_shape(sample_shape), self.loc)
        return self.loc + noise * self.scale


def diagonal_gaussian(loc: Tensor, scale: Tensor) -> Independent:
    """Returns N(loc, diag scale²) over the last axis, without the checks that cost a pass over the values."""
    return Independent(Gaussian(loc, scale, validate_args=False), 1, validate_args=False)


def is_diagonal_gaussian(distribution: Distribution) -> bool:
    """Returns whether `distribution` is of the kind that `diagonal_gaussian` makes."""
    return isinstance(distribution, Independent) and isinstance(distribution.base_dist, Normal)


def detached(distribution: Distribution) -> Distribution:
    """Returns `distribution` without a gradient to its parameters; raises VaelineError for other kinds."""
    if not is_diagonal_gaussian(distribution):
        raise VaelineError(
            "objective.iwae.estimator: 'stl' and 'dreg' need a diagonal Gaussian posterior: use 'standard'"
        )
    base = distribution.base_dist
    return diagonal_gaussian(base.loc.detach(), base.scale.detach())


def _normal_kl(q: Normal, p: Normal) -> Tensor:
    variance_ratio = (q.scale / p.scale).square()
    distance = ((q.loc - p.loc) / p.scale).square()
    return 0.5 * (variance_ratio + distance - 1 - variance_ratio.log())
