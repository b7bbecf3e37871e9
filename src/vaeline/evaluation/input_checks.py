"""Images and labels from outside, as a model takes them, or what is wrong with them in one line."""

import math

import numpy as np
import torch
from torch import Tensor

from vaeline.core.errors import VaelineError
from vaeline.models.contracts import Model


def checked_images(model: Model, images: np.ndarray | Tensor) -> Tensor:
    """Returns images as the encoder takes them: float32 [N, *event_shape], in the units that it observes.

    Args:
        model: The model.
        images: [N, *event_shape]. For a model of levels, integers are levels 0 … 255 and floats are in
            [0, 1]; otherwise the values are in the units of its data.

    Raises:
        VaelineError: For another shape, NaN or infinity, and values that the model's data cannot have.
    """
    array = np.asarray(images)
    wanted = ", ".join(map(str, model.event_shape))
    if array.ndim != len(model.event_shape) + 1 or array.shape[1:] != tuple(model.event_shape):
        raise VaelineError(f"images have the shape {list(array.shape)}, and this model takes [N, {wanted}]")
    if array.dtype.kind not in "biuf":
        raise VaelineError(f"images are of {array.dtype}: use numbers")
    _reject_any(array, ~model.scaling.accepts(array), model.scaling.accepted(array))
    return torch.from_numpy(np.ascontiguousarray(model.scaling.read(array), dtype=np.float32))


def model_labels(
    model: Model, labels: np.ndarray | Tensor | None, count: int, needed: bool = True
) -> Tensor | None:
    """Returns labels as the model takes them, int64 [N]; None where it takes none, or needs none.

    Args:
        model: The model.
        labels: [N], whole numbers from 0 on.
        count: N.
        needed: Whether a model that is conditioned on labels has to be given them.

    Raises:
        VaelineError: For labels that are missing, of another number, or not among the model's classes, and
            for any where the model is not conditioned on them.
    """
    if labels is None:
        if needed and model.classes:
            raise VaelineError(
                f"this model is conditioned on labels: give {count}, each from 0 to {model.classes - 1}"
            )
        return None
    if not model.classes:
        raise VaelineError("this model is not conditioned on labels: leave them out")
    array = np.asarray(labels)
    if array.shape != (count,):
        raise VaelineError(f"labels have the shape {list(array.shape)}, and [{count}] are needed, one a row")
    if array.dtype.kind not in "iuf":
        raise VaelineError(f"labels are of {array.dtype}: use whole numbers from 0 to {model.classes - 1}")
    wrong = ~((array >= 0) & (array < model.classes) & (array == array.round()))
    _reject_any(array, wrong, f"labels from 0 to {model.classes - 1}")
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.int64))


def checked_number(name: str, value: float, least: float) -> None:
    """Raises VaelineError unless `value` is at least `least`, and finite."""
    if not least <= value < math.inf:
        raise VaelineError(f"{name} = {value:g} is not allowed: use {least:g} or more")


def _reject_any(values: np.ndarray, wrong: np.ndarray, allowed: str) -> None:
    if wrong.any():
        position = np.unravel_index(int(wrong.argmax()), wrong.shape)
        raise VaelineError(f"row {position[0]} has {values[position]:g}: this model takes {allowed}")
