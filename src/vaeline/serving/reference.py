"""What a trained model is compared with: the data that it was trained on, if they are prepared here."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from vaeline.core.errors import VaelineError
from vaeline.data.observations import Labelled, Observations
from vaeline.data.prepared import Prepared, Split
from vaeline.evaluation.chunks import even_indices
from vaeline.evaluation.estimators.latents import Latents, measure_latents
from vaeline.evaluation.trained import TrainedModel

REFERENCE_IMAGES = 1000


class ReferenceImages(NamedTuple):
    """Observations whose latents are known."""

    images: np.ndarray
    """As they are stored: uint8 or float32 [N, *event_shape]."""
    labels: np.ndarray | None
    """[N], if they have labels."""
    classes: tuple[str, ...]
    """Name of each label."""
    latents: Latents


def training_data(trained: TrainedModel) -> Prepared | None:
    """Returns the prepared data of this folder if the model was trained on them, by shape and hash."""
    try:
        data = Prepared.open()
    except VaelineError:
        return None
    # Checkpoints of earlier versions lack the hash.
    same = trained.model.trained_on in ({}, data.identity)
    return data if same and data.shape == trained.event_shape else None


def needed_training_data(trained: TrainedModel, purpose: str) -> Prepared:
    """Returns `training_data`; raises VaelineError, saying for what `purpose` they are needed, without."""
    data = training_data(trained)
    if data is None:
        raise VaelineError(
            f"{purpose} needs the data that the model was trained on in data/prepared: `dvc repro prepare`"
        )
    return data


def spread_over(split: Split, count: int = REFERENCE_IMAGES) -> Split:
    """Returns up to `count` examples evenly spaced over a split."""
    return split[even_indices(len(split), count).numpy()]


def reference_of(trained: TrainedModel) -> ReferenceImages:
    """Returns up to 1,000 validation images with their latents, or else samples of the model with theirs.

    Samples take the place of images where a model has come without its data.
    """
    labels: np.ndarray | None
    data = training_data(trained)
    if data is None:
        images, labels = _samples(trained)
    else:
        split = spread_over(data.valid)
        images, labels = np.array(split.values), np.array(split.labels)
    latents = measure_latents(trained.model, _observed(trained, images, labels))
    return ReferenceImages(images, labels, data.classes if data else (), latents)


def _samples(trained: TrainedModel) -> tuple[np.ndarray, np.ndarray | None]:
    labels = np.arange(REFERENCE_IMAGES) % trained.classes if trained.classes else None
    scaling = trained.model.scaling
    samples = scaling.read(trained.sample(REFERENCE_IMAGES, labels))
    levels = scaling.dtype == "uint8"
    return scaling.original(samples).round().astype(np.uint8) if levels else samples, labels


def outside(trained: TrainedModel, stored: np.ndarray) -> np.ndarray:
    """Returns stored values as `TrainedModel` takes them: levels, or floats in the units of the data."""
    return stored if stored.dtype == np.uint8 else trained.model.scaling.written(stored)


def _observed(trained: TrainedModel, images: np.ndarray, labels: np.ndarray | None) -> Observations:
    levels: Tensor = trained.model.likelihood.evaluation_set(torch.from_numpy(images))
    if not trained.classes or labels is None:
        return levels
    return Labelled(levels, torch.from_numpy(labels))
