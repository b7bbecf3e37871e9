"""Gaussian likelihoods, whose variance is given, learned, fitted, or told pixel by pixel."""

import math
from typing import Any, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal

from vaeline.core.numerics import rises_to, softly_above
from vaeline.core.params import BaseOptions
from vaeline.models.likelihoods.eight_bit import Dequantized

LOG_SIGMA_MIN = -6.0  # of log σ, softly, as in the code of Rybkin et al.; half a level of 256
MEMORY = 100  # batches that the running variance is a mean of


class Gaussian(Dequantized):
    """p(x|z) = Π N(x_i; μ_i, σ²), of dequantized values. μ is not bounded to [0, 1].

    σ is `scale` where the variance is `fixed`, and starts there elsewhere. `shared`: one σ, learned with the
    weights; `optimal`: the σ² that a batch likes best, its mean squared error (both σ-VAE, Rybkin, Daniilidis
    & Levine 2021, sections 3.1 and 3.2); `per_pixel`: the decoder's, beside μ. log σ has a soft floor of −6.

    A σ that depends on what it scores makes no density. So `optimal` takes the batch's in training alone, and
    a running mean of them, which is saved with the weights, wherever the model is in evaluation mode.
    """

    class Options(BaseOptions):
        """Options of `likelihood.gaussian`; `scale` is of values in [0, 1]."""

        variance: Literal["fixed", "shared", "optimal", "per_pixel"] = "shared"
        scale: float = Field(0.1, gt=0, le=100)

        @model_validator(mode="after")
        def _starts_above_the_floor(self) -> Self:
            if self.variance != "fixed" and self.scale <= math.exp(LOG_SIGMA_MIN):
                least = f"exp({LOG_SIGMA_MIN:g}) = {math.exp(LOG_SIGMA_MIN):.3g}"
                raise ValueError(
                    f"scale must be above {least}, the least σ that is learned, found {self.scale:g}"
                )
            return self

    def __init__(self, section: Any, *, channels: int = 1) -> None:
        super().__init__(section, channels=channels)
        self.spread = SPREADS[section.gaussian.variance](section.gaussian.scale)

    def outputs(self, channels: int) -> int:
        """Returns μ of each channel, and where σ is told by the decoder, log σ of each."""
        return channels * self.spread.outputs

    def forward(self, decoded: Tensor) -> Distribution:
        """Returns p(x|z) for μ, or μ and then log σ less its start, [K, B, outputs(C), H, W]."""
        return self.spread(decoded)

    def start(self, mean: Tensor) -> Tensor:
        """Returns μ = mean and σ = `scale`, [outputs(C), H, W]."""
        return torch.cat([mean, *[torch.zeros_like(mean)] * (self.spread.outputs - 1)])


class _Fixed(nn.Module):
    outputs = 1  # a channel

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, mean: Tensor) -> Distribution:
        return _gaussian(mean, self.scale)


class _Shared(nn.Module):
    outputs = 1

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(rises_to(math.log(scale), LOG_SIGMA_MIN)))

    def forward(self, mean: Tensor) -> Distribution:
        return _gaussian(mean, softly_above(self.log_scale, LOG_SIGMA_MIN).exp())


class _PerPixel(nn.Module):
    outputs = 2

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.start = rises_to(math.log(scale), LOG_SIGMA_MIN)

    def forward(self, decoded: Tensor) -> Distribution:
        mean, log_scale = decoded.chunk(2, dim=-3)
        return _gaussian(mean, softly_above(self.start + log_scale, LOG_SIGMA_MIN).exp())


class _Optimal(nn.Module):
    """The buffers are named as BatchNorm's, and like those stay as they were where an update is skipped."""

    outputs = 1

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.register_buffer("running_variance", torch.tensor(scale**2))
        self.register_buffer("running_batches", torch.tensor(0.0))

    def forward(self, mean: Tensor) -> Distribution:
        scale = self.running_variance.sqrt()
        return _AtItsBest(mean, scale, self) if self.training else _gaussian(mean, scale)

    @torch.no_grad()
    def fitted(self, error: Tensor) -> Tensor:
        """Returns the σ² at which a batch with that squared `error` is likeliest, a scalar; remembers it.

        Without a gradient: where the log-likelihood is largest in σ², it has none.
        """
        variance = error.mean().clamp(min=math.exp(2 * LOG_SIGMA_MIN))
        self.running_batches.add_(1)
        # A plain mean over the first batches, so that where it started does not count.
        share = (1 / self.running_batches).clamp(min=1 / MEMORY)
        self.running_variance.copy_(torch.lerp(self.running_variance, variance, share))
        return variance


class _AtItsBest(Independent):
    """What training sees of `optimal`: log p(x) at the σ² that suits x best."""

    def __init__(self, mean: Tensor, scale: Tensor, spread: _Optimal) -> None:
        super().__init__(Normal(mean, scale, validate_args=False), 3, validate_args=False)
        self.spread = spread

    def log_prob(self, value: Tensor) -> Tensor:
        """Returns Σ log p(x_i) over the event, in nats, with a gradient to the means alone."""
        error = (value - self.base_dist.loc).square()
        variance = self.spread.fitted(error)
        return -0.5 * (error / variance + (2 * math.pi * variance).log()).flatten(-3).sum(-1)


def _gaussian(mean: Tensor, scale: Tensor | float) -> Distribution:
    return Independent(Normal(mean, scale, validate_args=False), 3, validate_args=False)


SPREADS = {"fixed": _Fixed, "shared": _Shared, "optimal": _Optimal, "per_pixel": _PerPixel}
