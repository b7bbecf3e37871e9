"""Gaussian likelihoods, whose variance is fixed, learned, fitted to each batch, or given for each pixel."""

import math
from typing import Literal, Protocol, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal

from vaeline.core.params import BaseOptions
from vaeline.core.scaling import BYTES, AnyScaling
from vaeline.models.contracts import EventShape
from vaeline.models.distributions.numerics import rises_to, softly_above
from vaeline.models.likelihoods.eight_bit import Dequantized
from vaeline.models.running import KeepsStatistics

LOG_SIGMA_MIN = -6.0  # soft floor of log σ, as in the code of Rybkin et al.; half a level of 256
MEMORY = 100  # batches that the running variance averages over


class GaussianSection(Protocol):
    """What a Gaussian reads of the section `likelihood`."""

    @property
    def gaussian(self) -> "Gaussian.Options":
        """Its own options."""


class Gaussian(Dequantized):
    """p(x|z) = Π N(x_i; μ_i, σ²), of dequantized levels, or of floats. μ is not bounded.

    σ is `scale` where the variance is `fixed`, and starts there otherwise. `shared`: one σ, learned with the
    weights; `optimal`: the σ² that maximises the likelihood of a batch, its mean squared error (both σ-VAE,
    Rybkin, Daniilidis & Levine 2021, sections 3.1 and 3.2); `per_pixel`: the decoder's output, beside μ.
    log σ has a soft floor of −6.

    With a σ that depends on the x to be evaluated, p(x|z) would not be a density. So `optimal` uses that of
    the batch in training only; in evaluation mode it uses a running mean, which is saved with the weights.
    """

    class Options(BaseOptions):
        """Options of `likelihood.gaussian`; `scale` is in the units that the model observes."""

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

    def __init__(
        self, section: GaussianSection, *, event_shape: EventShape, scaling: AnyScaling = BYTES
    ) -> None:
        super().__init__(event_shape, scaling)
        options = section.gaussian
        self.spread = SPREADS[options.variance](options.scale, len(event_shape))

    @property
    def parameter_shape(self) -> EventShape:
        """Of μ of each channel, and with `per_pixel` of log σ of each, relative to its start."""
        channels, *sides = self.event_shape
        return channels * self.spread.outputs, *sides

    def forward(self, decoded: Tensor) -> Distribution:
        """Returns p(x|z) for [..., *parameter_shape]: batch [...], event [*event_shape]."""
        return self.spread(decoded)

    def start(self, mean: Tensor) -> Tensor:
        """Returns μ = mean and σ = `scale`, [*parameter_shape]."""
        return torch.cat([mean, *[torch.zeros_like(mean)] * (self.spread.outputs - 1)])


class _Spread(nn.Module):
    """From the decoder's output to p(x|z), over the last `dims` axes."""

    outputs = 1  # for each channel

    def __init__(self, dims: int) -> None:
        super().__init__()
        self.dims = dims

    def normal(self, mean: Tensor, scale: Tensor | float) -> Independent[Normal]:
        return Independent(Normal(mean, scale, validate_args=False), self.dims, validate_args=False)


class _Fixed(_Spread):
    def __init__(self, scale: float, dims: int) -> None:
        super().__init__(dims)
        self.scale = scale

    def forward(self, mean: Tensor) -> Distribution:
        return self.normal(mean, self.scale)


class _Shared(_Spread):
    def __init__(self, scale: float, dims: int) -> None:
        super().__init__(dims)
        self.log_scale = nn.Parameter(torch.tensor(rises_to(math.log(scale), LOG_SIGMA_MIN)))

    def forward(self, mean: Tensor) -> Distribution:
        return self.normal(mean, softly_above(self.log_scale, LOG_SIGMA_MIN).exp())


class _PerPixel(_Spread):
    outputs = 2

    def __init__(self, scale: float, dims: int) -> None:
        super().__init__(dims)
        self.start = rises_to(math.log(scale), LOG_SIGMA_MIN)

    def forward(self, decoded: Tensor) -> Distribution:
        mean, log_scale = decoded.chunk(2, dim=-self.dims)
        return self.normal(mean, softly_above(self.start + log_scale, LOG_SIGMA_MIN).exp())


class _Optimal(_Spread, KeepsStatistics):
    running_variance: Tensor
    running_batches: Tensor

    def __init__(self, scale: float, dims: int) -> None:
        super().__init__(dims)
        self.register_buffer("running_variance", torch.tensor(scale**2))
        self.register_buffer("running_batches", torch.tensor(0.0))

    def forward(self, mean: Tensor) -> Distribution:
        scale = self.running_variance.sqrt()
        return _FittedNormal(mean, scale, self) if self.training else self.normal(mean, scale)

    def running_statistics(self) -> tuple[Tensor, ...]:
        return self.running_variance, self.running_batches

    @torch.no_grad()
    def fitted(self, error: Tensor) -> Tensor:
        """Returns the σ² that maximises the likelihood of a batch with this squared `error`: a scalar.

        Also updates the running mean. There is no gradient to lose: at the maximum in σ² it is 0.
        """
        variance = error.mean().clamp(min=math.exp(2 * LOG_SIGMA_MIN))
        self.running_batches.add_(1)
        # A plain mean over the first batches, so that the initial value does not count.
        share = self.running_batches.reciprocal().clamp(min=1 / MEMORY)
        self.running_variance.copy_(torch.lerp(self.running_variance, variance, share))
        return variance


class _FittedNormal(Independent[Normal]):
    """What `optimal` is in training: log p(x) at the σ² that fits x best."""

    def __init__(self, mean: Tensor, scale: Tensor, spread: _Optimal) -> None:
        super().__init__(Normal(mean, scale, validate_args=False), spread.dims, validate_args=False)
        self.spread = spread

    def log_prob(self, value: Tensor) -> Tensor:
        """Returns Σ log p(x_i) over the event, in nats, with a gradient to the means only."""
        error = (value - self.base_dist.loc).square()
        variance = self.spread.fitted(error)
        log_prob = -0.5 * (error / variance + (2 * math.pi * variance).log())
        return log_prob.flatten(-self.spread.dims).sum(-1)


SPREADS = {"fixed": _Fixed, "shared": _Shared, "optimal": _Optimal, "per_pixel": _PerPixel}
