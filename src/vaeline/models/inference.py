"""What a model says of a batch: for each stochastic layer its posterior, prior and sample, and p(x|z)."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Distribution

from vaeline.divergences import kl_terms


@dataclass(frozen=True)
class Layer:
    """One stochastic layer: q(z|·), p(z|·) and the z that was drawn from q, [K, B, d]."""

    posterior: Distribution
    prior: Distribution
    sample: Tensor

    def kl_terms(self) -> Tensor:
        """Returns KL(q ‖ p) in nats, split into dimensions where that is exact: [B, d] or [K, B, 1]."""
        return kl_terms(self.posterior, self.prior, self.sample)

    def log_ratio(self) -> Tensor:
        """Returns log p(z) − log q(z) of the drawn z in nats, [K, B]."""
        return self.prior.log_prob(self.sample) - self.posterior.log_prob(self.sample)


@dataclass(frozen=True)
class Inference:
    """K draws of the latents of B examples, and the likelihood of x given each: batch shape [K, B]."""

    layers: tuple[Layer, ...]
    likelihood: Distribution

    def distortion(self, x: Tensor) -> Tensor:
        """Returns −log p(x|z) in nats, [K, B], for x [B, C, H, W]."""
        return -self.likelihood.log_prob(x)

    def kl_terms(self) -> Tensor:
        """Returns KL terms of all layers in nats, averaged over the K draws: [B, terms]."""
        terms = [layer.kl_terms() for layer in self.layers]
        return torch.cat([term.mean(0) if term.dim() == 3 else term for term in terms], dim=-1)

    def log_weights(self, x: Tensor) -> Tensor:
        """Returns log p(x, z) − log q(z|x) in nats, [K, B] (Burda et al. 2016, equation 7)."""
        return sum((layer.log_ratio() for layer in self.layers), -self.distortion(x))
