"""Distributions made of a simple one by invertible steps (Rezende & Mohamed 2015)."""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor
from torch.distributions import Distribution

from vaeline.models.distributions.noise import LastDraw, Noise, NoiseDriven, draw


class Step(Protocol):
    """An invertible transform, as zuko has them."""

    @property
    def inv(self) -> "Step":
        """Its inverse."""

    def __call__(self, z: Tensor) -> Tensor:
        """Returns f(z)."""

    def call_and_ladj(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Returns f(z) and log |det ∂f| at z."""

    def log_abs_det_jacobian(self, z: Tensor, image: Tensor) -> Tensor:
        """Returns log |det ∂f| at z, whose image is known."""


class Flow(NoiseDriven):
    """The distribution of f_T(… f_1(z₀)), z₀ ~ `base`: log p(z) = log base(z₀) − Σ log |det ∂f_t|.

    The density of the last draw is known from the drawing. That of any other z takes the steps backwards,
    which for autoregressive ones means one pass for each dimension.
    """

    has_rsample = True

    def __init__(self, base: Distribution, steps: Sequence[Step]) -> None:
        self.base, self.steps = base, steps
        self.last: LastDraw | None = None
        super().__init__(base.batch_shape, base.event_shape, validate_args=False)

    def draw(self, sample_shape: Sequence[int], noise: Noise) -> Tensor:
        """Returns draws with a gradient, [*sample_shape, *batch, d]."""
        z = draw(self.base, sample_shape, noise)
        log_prob = self.base.log_prob(z)
        for step in self.steps:
            z, log_det = step.call_and_ladj(z)
            log_prob = log_prob - log_det
        self.last = LastDraw(z, log_prob)
        return z

    def log_prob(self, value: Tensor) -> Tensor:
        """Returns the log-density in nats, [...], of z [..., d]."""
        if self.last is not None and value is self.last.z:
            return self.last.log_prob
        log_det = torch.zeros((), dtype=value.dtype, device=value.device)
        for step in reversed(self.steps):
            image, value = value, step.inv(value)
            log_det = log_det + step.log_abs_det_jacobian(value, image)
        return self.base.log_prob(value) - log_det
