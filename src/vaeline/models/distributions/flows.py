"""Distributions made of a simple one by steps that can be inverted (Rezende & Mohamed 2015)."""

from collections.abc import Sequence

from torch import Tensor
from torch.distributions import Distribution, Transform

from vaeline.models.distributions.noise import Noise, NoiseDriven, draw


class Flow(NoiseDriven):
    """The distribution of f_T(… f_1(z₀)), z₀ ~ `base`: log p(z) = log base(z₀) − Σ log |det ∂f_t|.

    The density of what was drawn last is known from the drawing; that of any other z takes the steps
    backwards, which for autoregressive ones means one pass a dimension.
    """

    has_rsample = True

    def __init__(self, base: Distribution, steps: Sequence[Transform]) -> None:
        self.base, self.steps = base, steps
        self.drawn: Tensor | None = None
        self.log_prob_drawn: Tensor | None = None
        super().__init__(base.batch_shape, base.event_shape, validate_args=False)

    def draw(self, sample_shape: Sequence[int], noise: Noise) -> Tensor:
        """Returns draws with a gradient, [*sample_shape, *batch, d]."""
        z = draw(self.base, sample_shape, noise)
        log_prob = self.base.log_prob(z)
        for step in self.steps:
            z, log_det = step.call_and_ladj(z)
            log_prob = log_prob - log_det
        self.drawn, self.log_prob_drawn = z, log_prob
        return z

    def log_prob(self, value: Tensor) -> Tensor:
        """Returns the log-density in nats, [...], of z [..., d]."""
        if value is self.drawn:
            return self.log_prob_drawn
        log_det = 0.0
        for step in reversed(self.steps):
            after, value = value, step.inv(value)
            log_det = log_det + step.log_abs_det_jacobian(value, after)
        return self.base.log_prob(value) - log_det
