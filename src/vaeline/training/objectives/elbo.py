"""The evidence lower bound, with β, free bits and a drawn KL."""

from typing import Literal, Protocol

from torch import Tensor

from vaeline.core.params import BaseOptions
from vaeline.data.observations import Observations
from vaeline.models.contracts import Model
from vaeline.models.distributions.noise import Noise, global_noise
from vaeline.models.inference import Inference
from vaeline.training.objectives.objective import Objective
from vaeline.training.objectives.options import ObjectiveSection
from vaeline.training.objectives.terms import Terms
from vaeline.training.sharing import batch_mean


class ELBOSection(ObjectiveSection, Protocol):
    """What `elbo` reads of the section `objective`."""

    @property
    def elbo(self) -> "ELBO.Options":
        """Options of `elbo`."""


class ELBO(Objective):
    """−ELBO with β on the KL (Higgins et al. 2017, equation 4) and free bits, averaged over k draws of z.

    loss = mean distortion + β · Σ_j max(λ, KL_j), with KL_j averaged over the batch before it is clamped
    (Kingma et al. 2016, section on free bits). `free_bits` = λ is in nats a dimension, or in nats for the
    whole KL where that does not split into dimensions. The KL is in closed form where one is known, or
    `drawn`: log q(z) − log p(z) at the same z as the distortion.
    """

    class Options(BaseOptions):
        """Options of `objective.elbo`."""

        kl: Literal["closed_form", "drawn"] = "closed_form"

    def __init__(self, *, section: ELBOSection, free_bits: float) -> None:
        super().__init__()
        self.k, self.free_bits, self.drawn = section.k, free_bits, section.elbo.kl == "drawn"

    def forward(
        self, model: Model, x: Observations, beta: float | Tensor, noise: Noise = global_noise
    ) -> Terms:
        """Returns the loss and its terms for x [B, C, H, W], with the KL weighted by `beta`."""
        return self.of(model.infer(x, self.k, noise), x, beta)

    def of(self, inference: Inference, x: Observations, beta: float | Tensor) -> Terms:
        """Returns the loss and its terms, given the `inference` for x."""
        distortion = inference.distortion(x).mean(0)
        kl = inference.kl_terms()
        rate = batch_mean(inference.kl_terms(drawn=True) if self.drawn else kl)
        if self.free_bits > 0:
            rate = rate.clamp(min=self.free_bits)
        return Terms(distortion.mean() + beta * rate.sum(), distortion, kl, inference.max_variance())
