"""DIP-VAE: penalises the difference between the covariances of aggregate posterior and prior."""

from typing import Literal, Protocol

import torch
from pydantic import Field
from torch import Tensor

from vaeline.core.params import BaseOptions
from vaeline.data.observations import Observations
from vaeline.models.contracts import Model
from vaeline.models.distributions.noise import Noise, global_noise
from vaeline.models.inference import Layer
from vaeline.training.objectives.limits import no_lone_image, only_factorised_layer, reject_free_bits
from vaeline.training.objectives.objective import Objective
from vaeline.training.objectives.options import ObjectiveSection
from vaeline.training.objectives.terms import Terms


class DIPSection(ObjectiveSection, Protocol):
    """What `dip` reads of the section `objective`."""

    @property
    def dip(self) -> "DIP.Options":
        """Options of `dip`."""


class DIP(Objective):
    """−ELBO + λ_od Σ_{i≠j} C_ij² + λ_d Σ_i (C_ii − 1)², with C a covariance over the batch's images.

    Kumar et al. (2018): `i` takes C = Cov[μ(x)]; `ii` that of the aggregate posterior itself, Cov[μ(x)] +
    E[Σ(x)]. β is the top-level `beta`, and weighs the KL only: at 1 the objective is the paper's. C is that
    of a batch of B images (with B in the denominator); because of its noise the squares are too large, by
    about 1/B for each pair of dimensions.
    """

    class Options(BaseOptions):
        """Options of `objective.dip`: which covariance, and the weights off and on its diagonal."""

        variant: Literal["i", "ii"] = "ii"
        off_diagonal: float = Field(10.0, ge=0)
        diagonal: float = Field(10.0, ge=0)

    per_example = False  # the loss depends on the batch as a whole

    def __init__(self, *, section: DIPSection, free_bits: float, images: int, batch_size: int) -> None:
        super().__init__()
        reject_free_bits("dip", free_bits)
        no_lone_image("dip", images, batch_size)
        options = section.dip
        self.k, self.whole = section.k, options.variant == "ii"
        self.off_diagonal, self.diagonal = options.off_diagonal, options.diagonal

    def forward(
        self, model: Model, x: Observations, beta: float | Tensor, noise: Noise = global_noise
    ) -> Terms:
        """Returns the loss and its terms for x [B, C, H, W], with the KL weighted by `beta`.

        Raises:
            VaelineError: for models whose posterior and prior are not one layer of diagonal Gaussians.
        """
        inference = model.infer(x, self.k, noise)
        layer = only_factorised_layer("dip", inference)
        distortion, kl = inference.distortion(x).mean(0), inference.kl_terms()
        covariance = aggregate_covariance(layer, self.whole)
        own = covariance.diagonal()
        off = covariance.square().sum() - own.square().sum()
        penalty = self.off_diagonal * off + self.diagonal * (own - 1).square().sum()
        loss = distortion.mean() + beta * kl.sum(1).mean() + penalty
        return Terms(loss, distortion, kl, inference.max_variance())


def aggregate_covariance(layer: Layer, whole: bool) -> Tensor:
    """Returns the covariance of the posteriors' means over the batch, [d, d]; `whole`: of z ~ q(z).

    By the law of total covariance the latter is the former plus the mean of the posteriors' variances.
    """
    means = layer.posterior.mean
    centred = means - means.mean(0)
    with torch.autocast(means.device.type, enabled=False):  # sums of squares, compared with 1
        covariance = centred.T @ centred / len(means)
    return covariance + layer.posterior.variance.mean(0).diag() if whole else covariance
