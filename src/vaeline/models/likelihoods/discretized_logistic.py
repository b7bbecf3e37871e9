"""A mixture of discretized logistics: probability masses of the 256 grey values."""

import math
from collections.abc import Sequence
from typing import ClassVar, Protocol

import torch
from pydantic import Field
from torch import Tensor
from torch.distributions import Categorical, Distribution, constraints
from torch.nn.functional import logsigmoid, softplus

from vaeline.core.params import BaseOptions
from vaeline.core.scaling import BYTES, AnyScaling
from vaeline.models.contracts import EventShape, image_shape
from vaeline.models.distributions.numerics import rises_to, softly_above
from vaeline.models.likelihoods.eight_bit import GREY_LEVELS, EightBit

TOP = GREY_LEVELS - 1
LOG_SCALE_MIN = (
    -7.7
)  # soft floor of log s: e^-7 of pixels in [-1, 1], as in the authors' code; 1/9 of a level


class DiscretizedLogisticSection(Protocol):
    """What a DiscretizedLogistic reads of the section `likelihood`."""

    @property
    def discretized_logistic(self) -> "DiscretizedLogistic.Options":
        """Its own options."""


class DiscretizedLogistic(EightBit):
    """P(g|z) = Π_pixels Σ_m π_m Π_channels [σ((g + ½ − 255 μ_m) / 255 s_m) − σ((g − ½ − 255 μ_m) / 255 s_m)].

    Salimans et al. (2017), section 2.1: each level has the mass of a mixture of logistics within half a level
    of it, and 0 and 255 also have the tails beyond. As in the paper, the channels of a pixel share the
    component, and so depend on each other; its means that are linear in the previous channels are left out. μ
    and s are in units of values in [0, 1]; log s has a soft floor.

    Where the decoder outputs 0, the components lie side by side and cover [0, 1] about evenly: at one place
    they would all have the same gradient, and separate slowly.
    """

    kinds: ClassVar[tuple[str, ...]] = ("bytes",)
    places: Tensor

    class Options(BaseOptions):
        """Options of `likelihood.discretized_logistic`."""

        components: int = Field(5, ge=1)

    def __init__(
        self, section: DiscretizedLogisticSection, *, event_shape: EventShape, scaling: AnyScaling = BYTES
    ) -> None:
        part = "likelihood.name = 'discretized_logistic'"
        super().__init__(image_shape(event_shape, part, "gaussian"), scaling)
        self.components = section.discretized_logistic.components
        places = (torch.arange(self.components) + 0.5) / self.components
        self.register_buffer("places", places.reshape(-1, 1, 1, 1), persistent=False)
        self.log_scale = rises_to(-math.log(2 * self.components), LOG_SCALE_MIN)

    @property
    def parameter_shape(self) -> EventShape:
        """Of log π of each component, then of μ and log s of each component in each channel."""
        channels, height, width = self.event_shape
        return self.components * (1 + 2 * channels), height, width

    def forward(self, decoded: Tensor) -> Distribution:
        """Returns p(x|z) for [..., *parameter_shape]: batch [...], event [C, H, W], levels g/255."""
        weights, rest = decoded[..., : self.components, :, :], decoded[..., self.components :, :, :]
        loc, log_scale = rest.unflatten(-3, (2, self.components, -1)).unbind(-5)
        log_scale = softly_above(self.log_scale + log_scale, LOG_SCALE_MIN)
        return LevelMixture(weights, self.places + loc, log_scale)

    def start(self, mean: Tensor) -> Tensor:
        """Returns equal weights, and components around a mean image [C, H, W]."""
        shared = torch.zeros(self.components, *mean.shape[1:])
        moved = (mean - 0.5).repeat(self.components, 1, 1)
        return torch.cat([shared, moved, torch.zeros_like(moved)])


class Levels(constraints.Constraint):
    """Numbers g/255 for g in 0 … 255."""

    is_discrete = True

    def check(self, value: Tensor) -> Tensor:
        """Returns which values are such numbers, up to rounding."""
        level = value * TOP
        return (level >= 0) & (level <= TOP) & ((level - level.round()).abs() < 1e-3)


class LevelMixture(Distribution):
    """Images of levels g/255, [C, H, W]: at each pixel a mixture of discretized logistics.

    Args:
        weights: Unnormalised log-weights, [..., M, H, W].
        loc: μ, [..., M, C, H, W], in units of values in [0, 1].
        log_scale: log s, [..., M, C, H, W].
    """

    support = constraints.independent(Levels(), 3)

    def __init__(self, weights: Tensor, loc: Tensor, log_scale: Tensor) -> None:
        self.log_weights, self.loc, self.log_scale = weights.log_softmax(-3), loc, log_scale
        super().__init__(loc.shape[:-4], loc.shape[-3:], validate_args=False)

    def log_prob(self, value: Tensor) -> Tensor:
        """Returns Σ log P(g) over the pixels, in nats [...], of images g/255, [..., C, H, W].

        With a and b the level's upper and lower end in units of s, from μ: σ(a) − σ(b) is
        σ(a) σ(−b) (1 − exp(b − a)), in which nothing cancels, whatever s and μ are.
        """
        # In whole levels, so that the end of one level equals the start of the next to the last bit.
        level = (value * TOP).round().unsqueeze(-4)
        width = (-self.log_scale).exp() / TOP  # of a level, in units of s
        middle = (level - TOP * self.loc) * width
        below = torch.where(level < TOP, logsigmoid(middle + width / 2), 0.0)
        above = torch.where(level > 0, logsigmoid(width / 2 - middle), 0.0)
        within = torch.where((level > 0) & (level < TOP), (-torch.expm1(-width)).log(), 0.0)
        of_pixel = self.log_weights + (below + above + within).sum(-3)  # [..., M, H, W]
        return of_pixel.logsumexp(-3).flatten(-2).sum(-1)

    @property
    def mean(self) -> Tensor:
        """E[x], [..., C, H, W], of the logistics clipped to [0, 1] before they are rounded to levels.

        That is ∫₀¹ P(x > t) dt, in closed form; the mean of the levels is its sum by the midpoint rule, at
        255 times the cost. The two differ by at most half a level, and by 1e-4 where s is above a level.
        """
        scale, loc = (
            self.log_scale.double().exp(),
            self.loc.double(),
        )  # the difference of large numbers where s is large
        means = scale * (softplus(loc / scale) - softplus((loc - 1) / scale))
        mixed = (self.log_weights.exp().unsqueeze(-3) * means).sum(-4)
        return mixed.to(self.loc.dtype).clamp(0, 1)

    @torch.no_grad()
    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Returns images of levels without a gradient, [*sample_shape, ..., C, H, W]."""
        draws = torch.Size(sample_shape)
        component = Categorical(logits=self.log_weights.movedim(-3, -1), validate_args=False).sample(draws)
        index = component[..., None, None, :, :].expand(
            *self._extended_shape(draws)[:-3], 1, *self.event_shape
        )
        loc, log_scale = (
            of_all.expand(*draws, *of_all.shape).gather(-4, index).squeeze(-4)
            for of_all in (self.loc, self.log_scale)
        )
        uniform = torch.rand(loc.shape, dtype=loc.dtype, device=loc.device)
        drawn = loc + log_scale.exp() * torch.logit(uniform)
        return (drawn * TOP).round().clamp(0, TOP) / TOP
