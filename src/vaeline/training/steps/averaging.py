"""The exponential moving average of a model's weights."""

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from vaeline.models.contracts import Model

Tensors = tuple[Tensor, ...] | list[Tensor]


class WeightAverage:
    """θ̄ ← d θ̄ + (1 − d) θ after each update, for a decay d; it begins with the weights after the first one.

    Running statistics (BatchNorm's, an optimal variance, a codebook) are averaged with the weights that they
    belong to. Buffers of whole numbers are copied.
    """

    def __init__(self, model: Model, decay: float) -> None:
        self._averaged = AveragedModel(model, multi_avg_fn=_moving_average(decay), use_buffers=True)

    @property
    def model(self) -> Model:
        """A copy of the model that has the averaged weights."""
        return cast(Model, self._averaged.module)

    def update(self, model: Model) -> None:
        """Adds the weights of `model` to the average."""
        self._averaged.update_parameters(model)

    def state_dict(self) -> dict[str, Any]:
        """Returns what a resumed training needs besides the averaged weights."""
        return {"updates": int(self._averaged.n_averaged)}

    def load_state_dict(self, state: dict[str, Any], weights: dict[str, Tensor]) -> None:
        """Restores what `state_dict` returned, and the averaged weights."""
        self.model.load_state_dict(weights)
        self._averaged.n_averaged.fill_(state["updates"])


def _moving_average(decay: float) -> Callable[[Tensors, Tensors, Tensor | int], None]:
    average = get_ema_multi_avg_fn(decay)

    def update(averaged: Tensors, current: Tensors, count: Tensor | int) -> None:
        """Averages tensors of one type, in place."""
        if averaged[0].is_floating_point():
            average(averaged, current, count)
        else:  # which PyTorch's average of whole numbers would round down
            torch._foreach_copy_(averaged, current)

    return update
