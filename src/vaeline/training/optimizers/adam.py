"""Adam, by PyTorch's fused kernel, without the Python work of PyTorch's own class."""

from collections.abc import Callable
from typing import Any, Protocol

import torch
from pydantic import Field
from torch import Tensor
from torch.optim.optimizer import ParamsT

from vaeline.core.params import BaseOptions
from vaeline.training.optimizers.skipping import DeviceNumber, SkippingOptimizer


class AdamSection(Protocol):
    """What `adam` reads of the section `optimizer`."""

    @property
    def adam(self) -> "Adam.Options":
        """Options of `adam`."""


class MomentOptions(BaseOptions):
    """The decay of both moments, and what keeps their quotient finite."""

    beta1: float = Field(0.9, ge=0, lt=1)
    beta2: float = Field(0.999, ge=0, lt=1)
    eps: float = Field(1e-8, ge=0)


class FusedAdam(SkippingOptimizer):
    """What Adam and AdamW share: all but the kernel, `fused_update`.

    PyTorch's class goes over every parameter's state in Python and counts its steps, which for small batches
    takes longer than the arithmetic; here a group has one count. Where `found_inf` is 1 the kernel changes
    nothing, and the host need not wait for the device.
    """

    capturable = True
    fused_update: Callable[..., None]

    def __init__(
        self, options: MomentOptions, parameters: ParamsT, learning_rate: float, weight_decay: float
    ) -> None:
        fixed = {**options.model_dump(), "weight_decay": weight_decay}
        super().__init__(parameters, {"lr": learning_rate, **fixed})
        device = self.param_groups[0]["params"][0].device
        self.captured = device.type == "cuda"
        self._rates = [DeviceNumber(device) for _ in self.param_groups]
        for group in self.param_groups:
            group["steps"] = torch.zeros((), device=device)

    def prepare(self) -> None:
        """Hands the learning rate over, and the count of steps to where the weights are."""
        for group, rate in zip(self.param_groups, self._rates, strict=True):
            group["steps"] = group["steps"].to(rate.tensor.device)  # a checkpoint's is the host's
            rate.set(group["lr"])

    @torch.no_grad()
    def move(self) -> None:
        """Updates every parameter that has a gradient, at the rate that `prepare` has handed over."""
        for group, rate in zip(self.param_groups, self._rates, strict=True):
            parameters = [p for p in group["params"] if p.grad is not None]
            if parameters:
                gradients = [_laid_out(p, p.grad) for p in parameters]
                self._move(group, rate.tensor if self.captured else group["lr"], parameters, gradients)

    def _move(
        self,
        group: dict[str, Any],
        rate: float | Tensor,
        parameters: list[Tensor],
        gradients: list[Tensor],
    ) -> None:
        states = [self._state(p) for p in parameters]
        group["steps"] += 1
        if self.found_inf is not None:
            group["steps"] -= self.found_inf
        self.fused_update(
            parameters,
            gradients,
            [state["first"] for state in states],
            [state["second"] for state in states],
            [],
            [group["steps"]] * len(parameters),
            lr=rate,
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


class Adam(FusedAdam):
    """Adam (Kingma & Ba 2015, algorithm 1): the update of `torch.optim.Adam(fused=True)`, bit for bit."""

    class Options(MomentOptions):
        """Options of `optimizer.adam`: the decay of both moments, and what keeps the quotient finite."""

    fused_update = staticmethod(torch._fused_adam_)

    def __init__(
        self, *, section: AdamSection, parameters: ParamsT, learning_rate: float, weight_decay: float
    ) -> None:
        super().__init__(section.adam, parameters, learning_rate, weight_decay)


def _laid_out(parameter: Tensor, gradient: Tensor) -> Tensor:
    """Returns the gradient in the memory layout of the parameter, which the kernel assumes."""
    same = gradient.stride() == parameter.stride()
    return gradient if same else torch.empty_like(parameter).copy_(gradient)
