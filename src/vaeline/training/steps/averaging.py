"""The exponential moving average of a model's weights."""

import copy
from itertools import chain
from typing import Any

import torch
from torch import Tensor

from vaeline.models.contracts import Model


class WeightAverage:
    """θ̄ ← d θ̄ + (1 − d) θ after each update, for a decay d; it begins with the weights after the first one.

    Running statistics (BatchNorm's, an optimal variance, a codebook) are averaged with the weights that they
    belong to. Buffers of whole numbers are copied. PyTorch's `AveragedModel` reads its count from the device
    at each update.

    Attributes:
        model: a copy of the model that has the averaged weights.
    """

    def __init__(self, model: Model, decay: float) -> None:
        self.model, self._decay, self._begun = copy.deepcopy(model), decay, False

    @torch.no_grad()
    def update(self, model: Model) -> None:
        """Adds the weights of `model` to the average."""
        pairs = list(zip(_tensors(self.model), _tensors(model), strict=True))
        means = [pair for pair in pairs if pair[0].is_floating_point() and self._begun]
        copies = [pair for pair in pairs if not (pair[0].is_floating_point() and self._begun)]
        if means:
            averaged, current = map(list, zip(*means, strict=True))
            torch._foreach_lerp_(averaged, current, 1 - self._decay)
        if copies:
            averaged, current = map(list, zip(*copies, strict=True))
            torch._foreach_copy_(averaged, current)
        self._begun = True

    def state_dict(self) -> dict[str, Any]:
        """Returns what a resumed training needs besides the averaged weights: whether there were updates."""
        return {"updates": int(self._begun)}

    def load_state_dict(self, state: dict[str, Any], weights: dict[str, Tensor]) -> None:
        """Restores what `state_dict` returned, and the averaged weights."""
        self.model.load_state_dict(weights)
        self._begun = state["updates"] > 0


def _tensors(model: Model) -> list[Tensor]:
    return [tensor.detach() for tensor in chain(model.parameters(), model.buffers())]
