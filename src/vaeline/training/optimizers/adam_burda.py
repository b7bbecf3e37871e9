"""Adam in the form of Burda, Grosse and Salakhutdinov (2016)."""

from typing import Any, Protocol

import torch
from pydantic import Field
from torch import Tensor
from torch.optim.optimizer import ParamsT

from vaeline.core.errors import VaelineError
from vaeline.core.params import BaseOptions
from vaeline.training.optimizers.skipping import SkippingOptimizer, skipping


class AdamBurdaSection(Protocol):
    """What `adam_burda` reads of the section `optimizer`."""

    @property
    def adam_burda(self) -> "AdamBurda.Options":
        """Options of `adam_burda`."""


class AdamBurda(SkippingOptimizer):
    """θₜ = θₜ₋₁ − α √(1 − β₂ᵗ)/(1 − β₁ᵗ) · mₜ₋₁/(√vₜ₋₁ + ε), with m₀ = 0 and v₀ = 1.

    The order of Kingma & Ba (2015), end of section 2, in which the bias correction leaves ε unchanged, with
    the moments from before their update: in the authors' code Theano evaluates every update from the old
    values. So each step lags one gradient behind, and the first moves nothing. As v starts at one, the first
    steps are small; the usual form begins with full steps of size α.
    """

    class Options(BaseOptions):
        """Options of `optimizer.adam_burda`; the defaults are the authors' values."""

        beta1: float = Field(0.99, ge=0, lt=1)
        beta2: float = Field(0.999, ge=0, lt=1)
        eps: float = Field(1e-4, gt=0)

    def __init__(
        self, *, section: AdamBurdaSection, parameters: ParamsT, learning_rate: float, weight_decay: float
    ) -> None:
        if weight_decay > 0:
            raise VaelineError("weight_decay: optimizer.name = 'adam_burda' has none: set it to 0")
        super().__init__(parameters, {"lr": learning_rate, "step": 0, **section.adam_burda.model_dump()})

    @skipping
    @torch.no_grad()
    def update(self) -> None:
        """Updates every parameter that has a gradient."""
        for group in self.param_groups:
            parameters = [p for p in group["params"] if p.grad is not None]
            if parameters:
                self._move(group, parameters, [p.grad for p in parameters])

    def _move(self, group: dict[str, Any], parameters: list[Tensor], gradients: list[Tensor]) -> None:
        states = [self._state(p) for p in parameters]
        first, second = [s["first"] for s in states], [s["second"] for s in states]
        beta1, beta2 = group["beta1"], group["beta2"]
        denominators = torch._foreach_sqrt(second)
        torch._foreach_add_(denominators, group["eps"])
        group["step"] += 1
        rate = group["lr"] * (1 - beta2 ** group["step"]) ** 0.5 / (1 - beta1 ** group["step"])
        torch._foreach_addcdiv_(parameters, first, denominators, -rate)
        torch._foreach_lerp_(first, gradients, 1 - beta1)
        torch._foreach_mul_(second, beta2)
        torch._foreach_addcmul_(second, gradients, gradients, 1 - beta2)

    def _state(self, parameter: Tensor) -> dict[str, Any]:
        state = self.state[parameter]
        if not state:
            state |= {"first": torch.zeros_like(parameter), "second": torch.ones_like(parameter)}
        return state
