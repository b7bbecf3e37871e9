"""Small models and real images, for fast tests."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vaeline.config import ExperimentConfig
from vaeline.core.params import StageParams
from vaeline.core.scaling import BYTES, AnyScaling
from vaeline.data.catalog import DATASETS
from vaeline.data.observations import Observations
from vaeline.data.prepared import Split
from vaeline.data.reading.dataset import Examples
from vaeline.evaluation.chunks import model_input
from vaeline.evaluation.observing import evaluation_set
from vaeline.models.catalog import MODELS
from vaeline.models.contracts import EventShape, Model
from vaeline.training.build import build_objective
from vaeline.training.objectives.objective import Objective

SHAPE = (1, 8, 8)
CLASSES = 10
SMALL = {
    "device": "cpu",
    "hidden_dim": 16,
    "latent_dim": 3,
    "batch_size": 50,
    "epochs": 2,
    "network": {"conv": {"channels": 4}, "residual": {"channels": 4}},
    "likelihood": {"pixelcnn": {"channels": 4}},
}


def merged(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Returns nested `values` updated with `changes` at every depth."""
    both = {k: merged(values[k], v) for k, v in changes.items() if isinstance(v, Mapping) and k in values}
    return {**values, **changes, **both}


def config(**changes: Any) -> StageParams:
    """Returns the default params with a small model and `changes`, such as network={"name": "conv"}."""
    return StageParams(merged(merged(ExperimentConfig().to_dict(), SMALL), changes))


def vae(event_shape: EventShape = SHAPE, scaling: AnyScaling = BYTES, **changes: Any) -> Model:
    """Returns a small untrained model of observations of that shape and units."""
    params = config(**changes)
    return MODELS.build(
        params.model, config=params, event_shape=event_shape, classes=CLASSES, scaling=scaling
    )


def objective(params: StageParams | None = None, images: int = 1000) -> Objective:
    """Returns the objective that `params` name, for a training on that many `images`."""
    params = params or config()
    return build_objective(params, params.latent_dim, images)


@cache
def _all_digits() -> Examples:
    return DATASETS.build({"name": "digits"}, raw=None).training()


def digits(n: int) -> Tensor:
    """Returns `n` real digits, uint8 [n, 1, 8, 8]."""
    return torch.tensor(_all_digits().values[:n])


def labels() -> np.ndarray:
    """Returns the digit in each image of the data set, int64 [N]."""
    return _all_digits().labels.copy()


def split(n: int) -> Split:
    """Returns `n` real digits with their labels, as prepared data are."""
    return Split(digits(n).numpy(), labels()[:n])


def shown_to(model: Model, n: int) -> Observations:
    """Returns `n` real digits as the model observes them: with their labels if it is conditioned on them."""
    return model_input(evaluation_set(model, split(n)), torch.device("cpu"))


def shown(n: int) -> Tensor:
    """Returns `n` real digits as a model observes them: 0 or 1, float32 [n, 1, 8, 8]."""
    return (digits(n) > 127).float()
