"""The result of inference on a batch: posterior, prior and draws of each stochastic layer, and p(x|z)."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Distribution

from vaeline.data.observations import Observations, pixels
from vaeline.models.distributions.divergences import drawn_terms, kl_terms
from vaeline.models.distributions.gaussians import detached, is_diagonal_gaussian
from vaeline.models.distributions.moments import knows_moments


@dataclass(frozen=True)
class Layer:
    """One stochastic layer.

    Attributes:
        posterior: q(z|·).
        prior: p(z|·).
        sample: the z that were drawn from q, [K, B, d].
        closed_form: False where p depends on what was drawn after z, so that E[log q − log p] is not their
            KL.
    """

    posterior: Distribution
    prior: Distribution
    sample: Tensor
    closed_form: bool = True

    @property
    def factorised(self) -> bool:
        """Whether q and p are diagonal Gaussians with a KL in closed form."""
        return self.closed_form and is_diagonal_gaussian(self.posterior) and is_diagonal_gaussian(self.prior)

    def kl_terms(self, drawn: bool = False) -> Tensor:
        """Returns E[log q − log p] in nats, [B, terms] or [K, B, terms]; see `divergences.kl_terms`.

        With `drawn`, from the drawn z also where a closed form is known.
        """
        terms = kl_terms if self.closed_form and not drawn else drawn_terms
        return terms(self.posterior, self.prior, self.sample)

    def variance(self) -> Tensor:
        """Returns the variances of q, or of all draws of the batch where q does not know its variances."""
        return (
            self.posterior.variance
            if knows_moments(self.posterior)
            else self.sample.flatten(0, -2).var(0, correction=0)
        )

    def relative_variance(self) -> Tensor:
        """Returns `variance` as a multiple of the prior's, if that is a diagonal Gaussian, else as it is.

        A layer whose prior is learned has no scale of its own. Half of the multiple is part of the KL.
        """
        known = is_diagonal_gaussian(self.posterior) and is_diagonal_gaussian(self.prior)
        return self.variance() / self.prior.variance if known else self.variance()

    def log_ratio(self, path_only: bool = False) -> Tensor:
        """Returns log p(z) − log q(z) of the drawn z in nats, [K, B]; see `Inference.log_weights`."""
        posterior = detached(self.posterior) if path_only else self.posterior
        return self.prior.log_prob(self.sample) - posterior.log_prob(self.sample)


@dataclass(frozen=True)
class Inference:
    """K draws of the latents of B examples, and the likelihood of x given each: batch shape [K, B]."""

    layers: tuple[Layer, ...]
    likelihood: Distribution

    def distortion(self, x: Observations) -> Tensor:
        """Returns −log p(x|z) in nats, [K, B], for x [B, *event_shape]."""
        return -self.likelihood.log_prob(pixels(x))

    def kl_terms(self, drawn: bool = False) -> Tensor:
        """Returns KL terms of all layers in nats, averaged over the K draws: [B, terms].

        With `drawn`, from the drawn z also where a closed form is known.
        """
        terms = [layer.kl_terms(drawn) for layer in self.layers]
        return torch.cat([term.mean(0) if term.dim() == 3 else term for term in terms], dim=-1)

    def log_weights(self, x: Observations, beta: float | Tensor = 1.0, path_only: bool = False) -> Tensor:
        """Returns log p(x|z) + β (log p(z) − log q(z|x)) in nats, [K, B].

        At β = 1 these are the importance weights of Burda et al. (2016), section 3. With `path_only`, their
        gradient reaches the posterior's parameters through z alone.
        """
        ratios = (layer.log_ratio(path_only) for layer in self.layers)
        return sum((beta * ratio for ratio in ratios), -self.distortion(x))

    def max_variance(self) -> Tensor:
        """Returns the largest `relative_variance` of the batch, a scalar without a gradient.

        For a posterior that does not know it, that of all z drawn for the batch, which is larger on average.
        """
        return torch.stack([layer.relative_variance().max() for layer in self.layers]).max().detach()
