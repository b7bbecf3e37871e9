"""KL(q ‖ p) in nats: in closed form where one is known, else from the drawn z.

torch.distributions.kl_divergence is not used, since its dispatch breaks the graph under torch.compile.
"""

from torch import Tensor
from torch.distributions import Distribution, Normal

from vaeline.models.distributions.gaussians import FullGaussian, is_diagonal_gaussian


class Termwise(Distribution):
    """A distribution whose log-probability is a sum of terms that it can give one by one."""

    def terms(self, value: Tensor) -> Tensor:
        """Returns the terms in nats, [..., terms]."""
        raise NotImplementedError

    def log_prob(self, value: Tensor) -> Tensor:
        """Returns their sum, [...]."""
        return self.terms(value).sum(-1)


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

    Diagonal Gaussians have a term for each dimension.
    """
    if is_diagonal_gaussian(q) and is_diagonal_gaussian(p):
        return q.base_dist.log_prob(z) - p.base_dist.log_prob(z)
    if isinstance(q, Termwise) and isinstance(p, Termwise):
        return q.terms(z) - p.terms(z)
    return (q.log_prob(z) - p.log_prob(z)).unsqueeze(-1)


def _normal_kl(q: Normal, p: Normal) -> Tensor:
    variance_ratio = (q.scale / p.scale).square()
    distance = ((q.loc - p.loc) / p.scale).square()
    return 0.5 * (variance_ratio + distance - 1 - variance_ratio.log())


def _full_kl(q: FullGaussian, p: Normal) -> Tensor:
    variance_ratio = (q.scale_tril.square().sum(-1) / p.scale.square()).sum(-1)
    distance = ((q.loc - p.loc) / p.scale).square().sum(-1)
    log_ratio = 2 * (p.scale.log() - q.scale_tril.diagonal(dim1=-2, dim2=-1).log()).sum(-1)
    return 0.5 * (variance_ratio + distance - q.loc.shape[-1] + log_ratio).unsqueeze(-1)
