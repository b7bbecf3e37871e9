"""Images and labels from outside, as a model takes them, or what is wrong with them in one line."""

import math

import numpy as np
import torch
from torch import Tensor

from vaeline.core.errors import VaelineError
from vaeline.core.nouns import EXAMPLE, NOUNS
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
    noun = NOUNS.get(len(model.event_shape), EXAMPLE)
    if array.ndim != len(model.event_shape) + 1 or array.shape[1:] != tuple(model.event_shape):
        raise VaelineError(
            f"{noun.examples} have the shape {list(array.shape)}, and this model takes [N, {wanted}]"
        )
    check_values(model, array)
    return torch.from_numpy(np.ascontiguousarray(model.scaling.read(array), dtype=np.float32))


def check_values(model: Model, values: np.ndarray, source: str = "", first: int = 0) -> None:
    """Raises VaelineError for values [n, ...] that are no numbers, or that the model's data cannot have.

    Args:
        model: The model.
        values: One observation a row, in any shape.
        source: What they are from, to name in an error.
        first: The number of the first row.
    """
    before = f"{source}: " if source else ""
    if values.dtype.kind not in "biuf":
        raise VaelineError(f"{before}values of {values.dtype}: use numbers")
    flat = values.reshape(len(values), -1)
    wrong = ~model.scaling.accepts(flat)
    if wrong.any():
        row, place = np.argwhere(wrong)[0]
        where = f"in column '{model.columns[place]}'" if model.columns else f"at position {place}"
        raise VaelineError(
            f"{before}row {first + row} has {flat[row, place]:g} {where}: this model takes "
            f"{model.scaling.accepted(flat)}"
        )


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
    if wrong.any():
        row = int(wrong.argmax())
        raise VaelineError(
            f"row {row} has {array[row]:g}: this model takes labels from 0 to {model.classes - 1}"
        )
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.int64))


def checked_number(name: str, value: float, least: float) -> None:
    """Raises VaelineError unless `value` is at least `least`, and finite."""
    if not least <= value < math.inf:
        raise VaelineError(f"{name} = {value:g} is not allowed: use {least:g} or more")
