"""A trained model as MLflow loads it: `mlflow.pyfunc.load_model(…).unwrap_python_model()`."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vaeline.data.observations import Labelled, Observations
from vaeline.models import checkpoints
from vaeline.models.distributions.moments import moments

Array = np.ndarray | Tensor


class TrainedModel:
    """Encodes, reconstructs and samples; images are float32 [N, C, H, W] in [0, 1], arrays or tensors.

    What comes back are NumPy arrays, and what is drawn hangs on torch's seed. `labels` [N] are for models
    that are told them; `model` is the model itself, with all that it can do.
    """

    def __init__(self, checkpoint: Path | str) -> None:
        self.model = checkpoints.load(checkpoint)

    @property
    def python_model(self) -> "TrainedModel":
        """Returns this: what MLflow's `unwrap_python_model` asks for."""
        return self

    @torch.no_grad()
    def encode(self, images: Array, labels: Array | None = None) -> np.ndarray:
        """Returns the mean of q(z|x), [N, d], of the layer next to the image."""
        layer = self.model.infer(_observed(images, labels)).layers[0]
        mean, _ = moments(layer.posterior)
        return mean.reshape(-1, *mean.shape[-1:])[: len(images)].numpy()

    @torch.no_grad()
    def reconstruct(self, images: Array, labels: Array | None = None) -> np.ndarray:
        """Returns E[x|z] at a drawn z ~ q(z|x), [N, C, H, W]."""
        return self.model.infer(_observed(images, labels)).likelihood.mean[0].clamp(0, 1).numpy()

    def sample(self, n: int, labels: Array | None = None) -> np.ndarray:
        """Returns E[x|z] at z ~ p(z), [n, C, H, W]."""
        return self.model.sample(n, *([] if labels is None else [torch.as_tensor(labels)])).numpy()

    def predict(self, data: Array, params: dict[str, Any] | None = None) -> np.ndarray:
        """Returns what `{"method": "encode"}` or `"reconstruct"`, the default, makes of images."""
        ask = (params or {}).get("method", "reconstruct")
        if ask not in ("encode", "reconstruct"):
            raise ValueError(f"method = {ask!r} is not one of 'encode', 'reconstruct'")
        return getattr(self, ask)(np.asarray(data, dtype=np.float32))


def _observed(images: Array, labels: Array | None) -> Observations:
    x = torch.as_tensor(images, dtype=torch.float32)
    return x if labels is None else Labelled(x, torch.as_tensor(labels))


def _load_pyfunc(path: str) -> TrainedModel:
    """Returns the model in the checkpoint at `path`; the name is MLflow's."""
    return TrainedModel(path)
