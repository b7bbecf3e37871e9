"""Adam, by PyTorch's fused kernel, without the Python that PyTorch spends on each step."""

from typing import Any

import torch
from pydantic import Field
from torch import Tensor
from torch.optim.optimizer import ParamsT

from vaeline.core.params import BaseOptions


class Adam(torch.optim.Optimizer):
    """Adam (Kingma & Ba 2015, algorithm 1): the update of `torch.optim.Adam(fused=True)`, bit for bit.

    That goes over every parameter's state in Python and counts its steps, which for small batches takes
    longer than the arithmetic; here a group has one count. Where `found_inf` is 1 the kernel leaves all as
    it is, without anyone waiting for the device.
    """

    class Options(BaseOptions):
        """Options of `optimizer.adam`: the decay of both moments, and what keeps the quotient finite."""

        beta1: float = Field(0.9, ge=0, lt=1)
        beta2: float = Field(0.999, ge=0, lt=1)
        eps: float = Field(1e-8, ge=0)

    found_inf: Tensor | None = None

    def __init__(
        self, section: Any, *, parameters: ParamsT, learning_rate: float, weight_decay: float
    ) -> None:
        fixed = {**section.adam.model_dump(), "weight_decay": weight_decay, "steps": torch.zeros(())}
        super().__init__(parameters, {"lr": learning_rate, **fixed})

    @torch.no_grad()
    def step(self) -> None:
        """Moves every parameter that has a gradient."""
        for group in self.param_groups:
            if parameters := [p for p in group["params"] if p.grad is not None]:
                self._move(group, parameters)

    def _move(self, group: dict[str, Any], parameters: list[Tensor]) -> None:
        states = [self._state(p) for p in parameters]
        taken = 1 if self.found_inf is None else 1 - self.found_inf
        # A new tensor: groups start with one and the same.
        steps = group["steps"] = group["steps"].to(parameters[0].device) + taken
        torch._fused_adam_(
            parameters,
            [_laid_out(p) for p in parameters],
            [state["first"] for state in states],
            [state["second"] for state in states],
            [],
            [steps] * len(parameters),
            lr=group["lr"],
            beta1=group["beta1"],
            beta2=group["beta2"],
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            amsgrad=False,
            maximize=False,
            found_inf=self.found_inf,
        )

    def _state(self, parameter: Tensor) -> dict[str, Any]:
        state = self.state[parameter]
        if not state:
            state |= {name: torch.zeros_like(parameter) for name in ("first", "second")}
        return state


def _laid_out(parameter: Tensor) -> Tensor:
    """Returns the gradient in the parameter's order in memory, by which the kernel goes."""
    gradient = parameter.grad
    same = gradient.stride() == parameter.stride()
    return gradient if same else torch.empty_like(parameter).copy_(gradient)
