"""InfoVAE: penalises the maximum mean discrepancy between aggregate posterior and prior."""

from collections.abc import Callable
from typing import Literal, Protocol, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor

from vaeline.core.params import BaseOptions
from vaeline.data.observations import Observations
from vaeline.models.contracts import Model
from vaeline.models.distributions.noise import Noise, draw, global_noise
from vaeline.training.objectives.limits import no_lone_image, only_layer, reject_free_bits
from vaeline.training.objectives.objective import Objective
from vaeline.training.objectives.options import ObjectiveSection
from vaeline.training.objectives.terms import Terms

KERNELS: dict[str, Callable[[Tensor], Tensor]] = {
    "imq": lambda distance: 1 / (1 + distance),
    "rbf": lambda distance: (-distance).exp(),
}


class InfoSection(ObjectiveSection, Protocol):
    """What `info` reads of the section `objective`."""

    @property
    def info(self) -> "Info.Options":
        """Options of `info`."""


class Info(Objective):
    """Distortion + β · ((1 − α) KL(q(z|x) ‖ p(z)) + (α + λ − 1) MMD²(q(z), p(z))).

    Zhao et al. (2019), equation 6, whose last divergence is a squared maximum mean discrepancy in place of
    KL(q(z) ‖ p(z)); `lambd` is λ. α is the weight of the mutual information of image and z: with α = 1 no KL
    of single images is left. At α = 0, λ = 1 the loss is the −ELBO. β is the top-level `beta`: it weighs all
    that is not the distortion, a warm-up raises it, and at 1 the objective is the paper's.

    The kernel is a function of ‖z − z'‖² / (2 d · bandwidth), which for two draws of N(0, I) is 1 on average
    at bandwidth 1: `imq`, the inverse multiquadratic 1 / (1 + ·) of Tolstikhin et al. (2018), whose
    tails still pull on z far away, or `rbf`, exp(−·).
    """

    class Options(BaseOptions):
        """Options of `objective.info`."""

        alpha: float = Field(0.0, le=1)
        lambd: float = Field(100.0, ge=0)
        kernel: Literal["imq", "rbf"] = "imq"
        bandwidth: float = Field(1.0, gt=0)

        @model_validator(mode="after")
        def _prior_attracts(self) -> Self:
            if self.alpha + self.lambd < 1:
                raise ValueError(f"alpha + lambd must be at least 1, found {self.alpha + self.lambd:g}")
            return self

    per_example = False  # the loss depends on the batch as a whole

    def __init__(self, *, section: InfoSection, free_bits: float, images: int, batch_size: int) -> None:
        super().__init__()
        reject_free_bits("info", free_bits)
        no_lone_image("info", images, batch_size)
        options = section.info
        self.k, self.kernel, self.bandwidth = section.k, KERNELS[options.kernel], options.bandwidth
        self.of_kl, self.of_mmd = 1 - options.alpha, options.alpha + options.lambd - 1

    def forward(
        self, model: Model, x: Observations, beta: float | Tensor, noise: Noise = global_noise
    ) -> Terms:
        """Returns the loss and its terms for x [B, C, H, W], with KL and MMD² weighted by `beta`.

        The MMD² is averaged over the k draws.

        Raises:
            VaelineError: for more than one stochastic layer.
        """
        inference = model.infer(x, self.k, noise)
        layer = only_layer("info", inference)
        distortion, kl = inference.distortion(x).mean(0), inference.kl_terms()
        with torch.no_grad():
            prior = draw(layer.prior, layer.sample.shape[:2], noise)
        discrepancy = squared_mmd(layer.sample, prior, self.kernel, self.bandwidth).mean()
        rate = self.of_kl * kl.sum(1).mean() + self.of_mmd * discrepancy
        return Terms(distortion.mean() + beta * rate, distortion, kl, inference.max_variance())


def squared_mmd(z: Tensor, other: Tensor, kernel: Callable[[Tensor], Tensor], bandwidth: float) -> Tensor:
    """Returns MMD² between rows z [K, B, d] and rows `other` [K, B, d], for each of the K draws, [K].

    The U-statistic of Gretton et al. (2012), equation 3: no row is paired with itself, so that it is unbiased
    and may be negative. (Each z is of another image, so that it is unbiased for q(z) over new images too.)
    """
    scale = 2 * z.shape[-1] * bandwidth
    within = sum(_of_pairs(kernel(_squared_distances(rows, rows) / scale)) for rows in (z, other))
    return within - 2 * kernel(_squared_distances(z, other) / scale).mean((-2, -1))


def _of_pairs(values: Tensor) -> Tensor:
    """Returns the mean over pairs of two different rows, [K], for values [K, B, B]."""
    n = values.shape[-1]
    own = values.diagonal(dim1=-2, dim2=-1).sum(-1)
    return (values.sum((-2, -1)) - own) / (n * (n - 1))


def _squared_distances(a: Tensor, b: Tensor) -> Tensor:
    """Returns ‖a_i − b_j‖², [K, B, B]."""
    squares = a.square().sum(-1).unsqueeze(-1) + b.square().sum(-1).unsqueeze(-2)
    with torch.autocast(a.device.type, enabled=False):  # a difference of large numbers
        return (squares - 2 * a @ b.mT).clamp(min=0)
