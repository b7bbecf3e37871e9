"""What a model is given of a data set: to start from, to train on, to observe, and to be scored on."""

import numpy as np
import torch
from torch import Tensor

from vaeline.data.draws import Draws
from vaeline.data.observations import Labelled, Observations, pixels, with_pixels
from vaeline.data.prepared import Split
from vaeline.models.contracts import Model, StartingPoint


def start_from(model: Model, train: Split) -> None:
    """Initialises `model` from the training images: the decoder at their mean, the prior at some of them.

    Each part does so only if its options say so.

    Raises:
        VaelineError: if there are too few images.
    """
    device = next(model.parameters()).device

    def examples(count: int) -> Tensor:
        return torch.from_numpy(train.evenly_spaced(count)).to(device)

    labels = torch.from_numpy(train.labels.copy())
    model.start_at(StartingPoint(torch.from_numpy(train.mean()), labels, examples))


def training_set(model: Model, split: Split) -> Observations:
    """Returns what to train `model` on: [N, *event_shape], with labels if it is conditioned on them."""
    return _labelled(model, model.likelihood.training_set(_tensor(split.values)), split)


def evaluation_set(model: Model, split: Split) -> Observations:
    """Returns what to compute bounds on, always the same: [N, *event_shape], maybe with labels."""
    return _labelled(model, model.likelihood.evaluation_set(_tensor(split.values)), split)


def observe(model: Model, examples: Observations, draws: Draws) -> Observations:
    """Returns what `model` observes of a minibatch of its training set: float32.

    Noise, such as that of binarization, is drawn again at each call.
    """
    return with_pixels(examples, model.likelihood.observe(pixels(examples), draws))


def _tensor(values: np.ndarray) -> Tensor:
    """Returns mapped values as a tensor of the same pages, which the system may drop when memory is short."""
    shared = values.view()
    shared.flags.writeable = True  # the mapping is private: not even a write would reach the file
    return torch.from_numpy(shared)


def _labelled(model: Model, images: Tensor, split: Split) -> Observations:
    return Labelled(images, torch.from_numpy(split.labels.copy())) if model.classes else images
