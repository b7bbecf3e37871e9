"""The continuous Bernoulli likelihood, for values between 0 and 1."""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, constraints

from vaeline.models.likelihoods.eight_bit import Dequantized

SERIES_LOGIT = 0.5  # |l| below which series are used; they are exact there to float32 precision
FLAT_LOGIT = 1e-3  # |l| below which draws are to first order in l
EDGE = 1e-3  # smallest distance of a starting mean from 0 and 1


class ContinuousBernoulli(Dequantized):
    """p(x|z) = Π C(l_i) exp(l_i x_i), C(l) = l / (exp(l) − 1), of dequantized values x in [0, 1].

    Loaiza-Ganem & Cunningham (2019), equations 7 and 8: l is the logit of their λ. C is the factor that the
    Bernoulli formula lacks to be a density of grey values.
    """

    kinds: ClassVar[tuple[str, ...]] = ("bytes", "range")

    def forward(self, logits: Tensor) -> Distribution:
        """Returns p(x|z) for logits [..., *event_shape]: batch [...], event [*event_shape]."""
        return Independent(Tilted(logits), len(self.event_shape), validate_args=False)

    def start(self, mean: Tensor) -> Tensor:
        """Returns the logits of `mean` [*event_shape], clipped to [0.001, 0.999], by bisection."""
        wanted = mean.double().clamp(EDGE, 1 - EDGE)
        low, high = torch.full_like(wanted, -2 / EDGE), torch.full_like(wanted, 2 / EDGE)
        for _ in range(60):
            middle = (low + high) / 2
            above = Tilted(middle).mean > wanted
            low, high = torch.where(above, low, middle), torch.where(above, middle, high)
        return middle.to(mean.dtype)


class Tilted(Distribution):
    """The density on [0, 1] that is proportional to exp(l x).

    torch's own bounds the logits to ±16, where MNIST's black pixels need −500. Here they are not bounded, and
    everything is smooth where l passes through 0.
    """

    support = constraints.unit_interval

    def __init__(self, logits: Tensor) -> None:
        self.logits = logits
        super().__init__(logits.shape, validate_args=False)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> "Tilted":
        """Returns the same distribution with a larger batch shape."""
        return Tilted(self.logits.expand(torch.Size(batch_shape)))

    def log_prob(self, value: Tensor) -> Tensor:
        """Returns l x − log ((exp(l) − 1) / l), in nats."""
        small, size = self._split()
        square = self.logits.square()
        series = square * (1 / 24 - square * (1 / 2880 - square / 181440))
        near = self.logits * (value - 0.5) - series
        far = value * self.logits - self.logits.clamp(min=0) - (-torch.expm1(-size) / size).log()
        return torch.where(small, near, far)

    @property
    def mean(self) -> Tensor:
        """E[x] = 1 / (1 − exp(−l)) − 1 / l."""
        small, size = self._split()
        square = self.logits.square()
        near = 0.5 + self.logits * (1 / 12 - square * (1 / 720 - square * (1 / 30240 - square / 1209600)))
        low = 1 / size - torch.exp(-size) / -torch.expm1(-size)  # of −|l|, below a half
        return torch.where(small, near, torch.where(self.logits < 0, low, 1 - low))

    @torch.no_grad()
    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Returns draws by the inverse of the cumulative distribution function, [*sample_shape, ...]."""
        shape = self._extended_shape(torch.Size(sample_shape))
        uniform = torch.rand(shape, dtype=self.logits.dtype, device=self.logits.device)
        size = self.logits.abs().clamp(min=FLAT_LOGIT)
        low = -torch.log1p(uniform * torch.expm1(-size)) / size
        tilted = torch.where(self.logits < 0, low, 1 - low)
        near = uniform + self.logits / 2 * uniform * (1 - uniform)
        return torch.where(self.logits.abs() < FLAT_LOGIT, near, tilted)

    def _split(self) -> tuple[Tensor, Tensor]:
        """Returns where |l| is small, and |l| elsewhere (1 where it is small)."""
        size = self.logits.abs()
        small = size < SERIES_LOGIT
        return small, torch.where(small, 1.0, size)
