"""A trained model, as `mlflow.pyfunc.load_model(…).unwrap_python_model()` returns it."""

from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from vaeline.data.observations import Labelled, Observations
from vaeline.models import checkpoints
from vaeline.models.conditional import ConditionalVAE
from vaeline.models.contracts import Model
from vaeline.models.distributions.moments import moments

Array = np.ndarray | Tensor


class TrainedModel:
    """Encodes, reconstructs and samples images.

    Images are float32 [N, C, H, W] in [0, 1], as arrays or tensors; results are arrays. `labels` [N] are for
    models that are conditioned on them. Random draws depend on torch's seed.

    Attributes:
        model: The model itself.
    """

    def __init__(self, checkpoint: Path | str) -> None:
        self.model: Model = checkpoints.load(checkpoint)

    @property
    def python_model(self) -> "TrainedModel":
        """This object, for MLflow's `unwrap_python_model`."""
        return self

    @torch.no_grad()
    def encode(self, images: Array, labels: Array | None = None) -> np.ndarray:
        """Returns the mean of q(z|x), [N, d], of the layer that the decoder takes."""
        layer = self.model.infer(_observed(images, labels)).layers[0]
        mean, _ = moments(layer.posterior)
        return mean.reshape(-1, *mean.shape[-1:])[: len(images)].numpy()

    @torch.no_grad()
    def reconstruct(self, images: Array, labels: Array | None = None) -> np.ndarray:
        """Returns E[x|z] at a z drawn from q(z|x), [N, C, H, W]."""
        mean = self.model.infer(_observed(images, labels)).likelihood.mean[0]
        return self.model.scaling.bounded(mean).numpy()

    def sample(self, n: int, labels: Array | None = None) -> np.ndarray:
        """Returns E[x|z] at z ~ p(z), [n, C, H, W]."""
        if labels is None:
            return self.model.sample(n).numpy()
        if not self.model.classes:
            raise ValueError("this model is not conditioned on labels: call sample(n) without them")
        return cast(ConditionalVAE, self.model).sample(n, torch.as_tensor(labels)).numpy()

    def predict(self, data: Array, params: dict[str, Any] | None = None) -> np.ndarray:
        """Returns the latent means or the reconstructions of images: MLflow's interface.

        Args:
            data: Images.
            params: `{"method": "encode"}` or `{"method": "reconstruct"}`, the default.

        Raises:
            ValueError: The method has another name.
        """
        images = np.asarray(data, dtype=np.float32)
        method = (params or {}).get("method", "reconstruct")
        if method == "encode":
            return self.encode(images)
        if method == "reconstruct":
            return self.reconstruct(images)
        raise ValueError(f"method = {method!r} is not one of 'encode', 'reconstruct'")


def _observed(images: Array, labels: Array | None) -> Observations:
    x = torch.as_tensor(images, dtype=torch.float32)
    return x if labels is None else Labelled(x, torch.as_tensor(labels))


def _load_pyfunc(path: str) -> TrainedModel:
    """Returns the model in a checkpoint; MLflow calls this name."""
    return TrainedModel(path)
