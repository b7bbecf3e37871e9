"""FactorVAE: penalises the total correlation, estimated by a discriminator."""

from itertools import pairwise
from typing import Protocol

from pydantic import Field
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import softplus

from vaeline.core.params import BaseOptions
from vaeline.data.observations import Observations
from vaeline.models.contracts import Model
from vaeline.models.distributions.noise import Noise, global_noise
from vaeline.models.distributions.numerics import in_full
from vaeline.training.objectives.limits import no_lone_image, only_layer, reject_free_bits
from vaeline.training.objectives.objective import Objective
from vaeline.training.objectives.options import ObjectiveSection
from vaeline.training.objectives.terms import Terms

SLOPE = 0.2  # of the leaky ReLU, as in the paper


class FactorSection(ObjectiveSection, Protocol):
    """What `factor` reads of the section `objective`."""

    @property
    def factor(self) -> "Factor.Options":
        """Options of `factor`."""


class Factor(Objective):
    """−ELBO + γ TC(z), with TC = KL(q(z) ‖ Π_j q(z_j)) by the density-ratio trick.

    The FactorVAE of Kim & Mnih (2018). A discriminator tells z ~ q(z) from z whose dimensions were permuted
    independently; at its optimum its logit is log q(z) − Σ_j log q(z_j), whose mean is the TC. It learns
    in the same step as the model, by the same optimizer at the same learning rate: the z that it takes for
    real are of the first half of the batch, and the permuted ones of the other. No gradient goes from its
    loss to the model, nor from the model's to it, and its loss adds nothing to the value of the objective's.
    β is the top-level `beta`, and weighs the KL alone: at 1 the objective is the paper's.

    The paper's discriminator has six layers of 1,000 units, and Adam's β₁ = 0.5, β₂ = 0.9.
    """

    class Options(BaseOptions):
        """Options of `objective.factor`: the TC's weight, and the layers of the discriminator."""

        gamma: float = Field(10.0, ge=0)
        hidden_dim: int = Field(256, ge=1)
        depth: int = Field(4, ge=1)

    per_example = False  # the loss depends on the batch as a whole

    def __init__(
        self, *, section: FactorSection, free_bits: float, latent_dim: int, images: int, batch_size: int
    ) -> None:
        super().__init__()
        reject_free_bits("factor", free_bits)
        no_lone_image("factor", images, batch_size)
        options = section.factor
        self.k, self.gamma = section.k, options.gamma
        self.discriminator = discriminator(latent_dim, options.hidden_dim, options.depth)

    def forward(
        self, model: Model, x: Observations, beta: float | Tensor, noise: Noise = global_noise
    ) -> Terms:
        """Returns the loss and its terms for x [B, C, H, W], with the KL weighted by `beta`.

        Raises:
            VaelineError: for more than one stochastic layer.
        """
        inference = model.infer(x, self.k, noise)
        z = only_layer("factor", inference).sample
        distortion, kl = inference.distortion(x).mean(0), inference.kl_terms()
        loss = distortion.mean() + beta * kl.sum(1).mean() + self.gamma * self.total_correlation(z)
        own = self.cross_entropy(z.detach(), noise)
        return Terms(loss + own - own.detach(), distortion, kl, inference.max_variance())

    def total_correlation(self, z: Tensor) -> Tensor:
        """Returns the mean logit at z [K, B, d], in nats, with a gradient to z only."""
        held = {name: value.detach() for name, value in self.discriminator.named_parameters()}
        return in_full(functional_call(self.discriminator, held, z)).mean()

    def cross_entropy(self, z: Tensor, noise: Noise = global_noise) -> Tensor:
        """Returns the discriminator's loss in nats: one half of z [K, B, d] real, the other permuted."""
        real, rest = z.tensor_split(2, dim=1)
        _, order = noise(z.shape, z).tensor_split(2, dim=1)
        of_real = in_full(self.discriminator(real))
        of_permuted = in_full(self.discriminator(permuted(rest, order)))
        return 0.5 * (softplus(-of_real).mean() + softplus(of_permuted).mean())


def discriminator(latent_dim: int, hidden_dim: int, depth: int) -> nn.Sequential:
    """Returns a network with one logit, log (real : permuted), for z [..., latent_dim]."""
    sizes = [latent_dim, *[hidden_dim] * depth]
    hidden = [layer for a, b in pairwise(sizes) for layer in (nn.Linear(a, b), nn.LeakyReLU(SLOPE))]
    return nn.Sequential(*hidden, nn.Linear(hidden_dim, 1))


def permuted(z: Tensor, order: Tensor) -> Tensor:
    """Returns z [K, B, d] with the examples of each dimension and draw in another order.

    Args:
        z: draws.
        order: random numbers [K, B, d], by which the examples are sorted.
    """
    return z.gather(1, order.argsort(1))
