"""SOAP: Adam in the eigenbasis of Shampoo's preconditioner."""

import math
from collections.abc import Sequence
from functools import partial
from typing import Any, Protocol

import torch
from pydantic import Field
from torch import Tensor
from torch.optim.optimizer import ParamsT

from vaeline.core.params import BaseOptions
from vaeline.training.optimizers.branches import Branches
from vaeline.training.optimizers.skipping import DeviceNumber, SkippingOptimizer

EPS = 1e-8  # pytorch-optimizer's


class SoapSection(Protocol):
    """What `soap` reads of the section `optimizer`."""

    @property
    def soap(self) -> "Soap.Options":
        """Options of `soap`."""


class Soap(SkippingOptimizer):
    """SOAP (Vyas et al. 2025, algorithm 3): the update of pytorch-optimizer's, to rounding.

    It applies Adam to each matrix in a basis in which its gradients are nearly uncorrelated. Sides longer
    than `max_side` keep their own basis, which saves most of the time for images. Weight decay is decoupled.

    State and bases are that package's. Its `step` handles one parameter after the other and bakes the
    learning rate in; `move` handles all of them together, and can be captured.
    """

    capturable = True

    class Options(BaseOptions):
        """Options of `optimizer.soap`: decay of moments and bases; steps between two bases; longest side."""

        beta1: float = Field(0.95, ge=0, lt=1)
        beta2: float = Field(0.95, ge=0, lt=1)
        every: int = Field(50, ge=1)
        max_side: int = Field(512, ge=1)

    def __init__(
        self, *, section: SoapSection, parameters: ParamsT, learning_rate: float, weight_decay: float
    ) -> None:
        from pytorch_optimizer.optimizer.soap import SOAP  # takes a second or two: only where it is needed

        options = section.soap
        self._soap = SOAP(
            parameters,
            lr=learning_rate,
            betas=(options.beta1, options.beta2),
            weight_decay=weight_decay,
            precondition_frequency=options.every,
            max_precondition_dim=options.max_side,
        )
        super().__init__(self._soap.param_groups, {})
        device = self.param_groups[0]["params"][0].device
        self.captured = device.type == "cuda"
        self._branches = Branches(device)
        self._sizes = [DeviceNumber(device) for _ in self.param_groups]
        self._decays = [DeviceNumber(device) for _ in self.param_groups]

    def prepare(self) -> None:
        """Counts the step, a skipped one too, and hands over what the learning rate makes of it."""
        for group, size, decay in zip(self.param_groups, self._sizes, self._decays, strict=True):
            taken = group["step"] = group.get("step", 0) + 1
            beta1, beta2 = group["betas"]
            correction = math.sqrt(1 - beta2 ** (taken - 1)) / (1 - beta1 ** (taken - 1)) if taken > 1 else 0
            size.set(group["lr"] * correction)
            decay.set(group["lr"] * group["weight_decay"])

    @torch.no_grad()
    def move(self) -> None:
        """Updates every parameter that has a gradient; the first call only computes the bases."""
        for group, size, decay in zip(self.param_groups, self._sizes, self._decays, strict=True):
            parameters = [p for p in group["params"] if p.grad is not None]
            if not parameters:
                continue
            if all(self.state[p] for p in parameters):
                self._move(group, parameters, size.tensor, decay.tensor)
            else:
                self._begin(group)

    def _begin(self, group: dict[str, Any]) -> None:
        """Computes the first bases from the first finite gradients; the host waits for the device."""
        if self.found_inf is not None and self.found_inf.item():
            group["step"] -= 1
            return
        self._soap.state = self.state
        self._soap.init_group(group | {"step": 0})

    def _move(self, group: dict[str, Any], parameters: list[Tensor], size: Tensor, decay: Tensor) -> None:
        (beta1, beta2), skipped = group["betas"], self.found_inf
        kept1, kept2, taken = (torch.full_like(size, value) for value in (beta1, beta2, 1.0))
        gradients = [p.grad for p in parameters if p.grad is not None]
        if skipped is not None:
            kept1, kept2 = (torch.where(skipped > 0, 1.0, kept) for kept in (kept1, kept2))
            gradients, taken = _zero_where(skipped, gradients), 1 - skipped
        states = [self.state[p] for p in parameters]
        first, second = ([state[name] for state in states] for name in ("exp_avg", "exp_avg_sq"))
        rotated = self._rotated(gradients, states)
        torch._foreach_mul_(first, kept1)
        torch._foreach_add_(first, gradients, alpha=1 - beta1)
        torch._foreach_mul_(second, kept2)
        torch._foreach_addcmul_(second, rotated, rotated, 1 - beta2)
        denominators = torch._foreach_sqrt(second)
        torch._foreach_add_(denominators, EPS)
        # Not in place: without a basis, what is rotated is the moment itself.
        means = self._rotated(first, states)
        directions = torch._foreach_div(means, denominators)
        moves = self._rotated(directions, states, back=True)
        torch._foreach_mul_(moves, size * taken)
        torch._foreach_sub_(parameters, moves)
        if group["weight_decay"]:
            torch._foreach_mul_(parameters, 1 - decay * taken)
        self._add_outer_products(states, gradients, kept2, 1 - beta2)

    def _rotated(
        self, tensors: Sequence[Tensor], states: Sequence[dict[str, Any]], back: bool = False
    ) -> list[Tensor]:
        """Returns the tensors in their bases, or `back` from there."""
        pairs = zip(tensors, states, strict=True)
        return self._branches(partial(_rotated, tensor, state["Q"], back) for tensor, state in pairs)

    def _add_outer_products(
        self, states: Sequence[dict[str, Any]], gradients: Sequence[Tensor], kept: Tensor, weight: float
    ) -> None:
        """Updates the running mean of G Gᵀ of each matrix, and likewise along each further axis."""
        pairs = [
            (mean, gradient.movedim(axis, 0).flatten(1))
            for state, gradient in zip(states, gradients, strict=True)
            for axis, mean in enumerate(state["GG"])
            if len(mean)
        ]
        if pairs:
            torch._foreach_mul_([mean for mean, _ in pairs], kept)
        self._branches(partial(mean.addmm_, rows, rows.T, alpha=weight) for mean, rows in pairs)

    @property
    def refresh_due(self) -> bool:
        """Whether the bases are brought up to date after this update."""
        group = self.param_groups[0]
        taken: int = group["step"] - 1
        return taken > 0 and taken % group["precondition_frequency"] == 0

    @torch.no_grad()
    def refresh(self) -> None:
        """Brings the bases up to date by one round of power iteration."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if state := self.state[parameter]:
                    self._turn(state, group["max_precondition_dim"])

    def _turn(self, state: dict[str, Any], max_side: int) -> None:
        """Replaces the bases of one parameter in place, where a captured graph has them."""
        squares = state["exp_avg_sq"]
        bases = self._soap.get_orthogonal_matrix_qr(state, max_side)  # which also reorders the squares
        state["exp_avg_sq"] = squares.copy_(state["exp_avg_sq"])
        for basis, turned in zip(state["Q"], bases, strict=True):
            if len(basis):
                basis.copy_(turned)


def _zero_where(skipped: Tensor, gradients: Sequence[Tensor]) -> list[Tensor]:
    """Returns the gradients, or zeros where the update is skipped; all in one piece, for few kernels."""
    joined = torch.cat([gradient.flatten() for gradient in gradients])
    parts = torch.where(skipped > 0, 0.0, joined).split([gradient.numel() for gradient in gradients])
    return [part.view(gradient.shape) for part, gradient in zip(parts, gradients, strict=True)]


def _rotated(x: Tensor, bases: Sequence[Tensor], back: bool = False) -> Tensor:
    """Returns `x` in the basis that the columns of `bases`, one for each axis, are; or `back` from it.

    An empty basis leaves its axis alone.
    """
    for axis, basis in enumerate(bases):
        if len(basis):
            turn = basis.T if back else basis
            last = axis == x.dim() - 1
            x = x @ turn if last else torch.tensordot(turn, x, dims=([0], [axis])).movedim(0, axis)
    return x
