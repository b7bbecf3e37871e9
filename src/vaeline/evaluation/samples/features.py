"""The features in which samples are compared with data: a classifier's of images, the values of rows."""

from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from vaeline.data.observations import observed
from vaeline.evaluation.chunks import rows_at_a_time
from vaeline.evaluation.ex_post import decode_means
from vaeline.evaluation.fid.classifier import Classifier
from vaeline.evaluation.fid.features import extract_features
from vaeline.evaluation.fid.images import GENERATION_BATCH, Pictures, generate_images, to_uint8
from vaeline.models.contracts import Model


class SampleFeatures(Protocol):
    """Features [N, F] of data and of samples, in which distances mean something."""

    def of_data(self, values: np.ndarray) -> np.ndarray:
        """Returns the features of stored values [N, *event_shape]."""

    def of_samples(self, count: int) -> np.ndarray:
        """Returns the features of `count` samples at z ~ p(z)."""

    def of_latents(self, z: Tensor) -> np.ndarray:
        """Returns the features of one sample at each of z [N, d], all layers side by side."""


class ImageFeatures:
    """The features of a classifier; a sample is E[x|z], as images of VAEs are displayed."""

    def __init__(self, model: Model, classifier: Classifier) -> None:
        self.model, self.classifier = model, classifier

    @classmethod
    def load(cls, model: Model, folder: Path, device: torch.device) -> "ImageFeatures":
        """Returns them with the classifier that fid_reference has written to `folder`."""
        return cls(model, Classifier.load(folder / "classifier.pt").to(device))

    def of_data(self, values: np.ndarray) -> np.ndarray:
        """Returns the features of stored values [N, C, H, W]."""
        return extract_features(self.classifier, Pictures(values, self.model.scaling))

    def of_samples(self, count: int) -> np.ndarray:
        """Returns the features of `count` samples at z ~ p(z)."""
        images = generate_images(self.model.sample, count, self.model.scaling)
        return extract_features(self.classifier, images)

    def of_latents(self, z: Tensor) -> np.ndarray:
        """Returns the features of E[x|z] at each of z [N, d]."""
        images = [
            to_uint8(decode_means(self.model, chunk), self.model.scaling).cpu()
            for chunk in z.split(GENERATION_BATCH)
        ]
        return extract_features(self.classifier, torch.cat(images).numpy())


class RowFeatures:
    """The values themselves, as the model observes them; a sample is drawn from p(x|z).

    E[x|z] would lack the noise of the columns, and fill none of the space that the data fill.
    """

    def __init__(self, model: Model) -> None:
        self.model = model

    @classmethod
    def load(cls, model: Model, folder: Path, device: torch.device) -> "RowFeatures":  # noqa: ARG003
        """Returns them; there is nothing to read."""
        return cls(model)

    def of_data(self, values: np.ndarray) -> np.ndarray:
        """Returns stored values [N, D] as a model observes them."""
        return observed(torch.from_numpy(values.copy())).numpy()

    def of_samples(self, count: int) -> np.ndarray:
        """Returns rows [count, D] drawn at z ~ p(z)."""
        return draw_at(self.model, self.model.prior_sample((count,))).numpy()

    def of_latents(self, z: Tensor) -> np.ndarray:
        """Returns rows [N, D], one drawn at each of z [N, d]."""
        return draw_at(self.model, z).numpy()


@torch.no_grad()
def draw_at(model: Model, z: Tensor) -> Tensor:
    """Returns x ~ p(x|z) for each of z [N, d], [N, *event_shape] on the CPU, as a model observes it."""
    chunks = z.split(rows_at_a_time(model.event_shape))
    return torch.cat([model.joint(chunk)[1].sample().cpu() for chunk in chunks])


SAMPLE_FEATURES: dict[int, type[RowFeatures] | type[ImageFeatures]] = {1: RowFeatures, 3: ImageFeatures}
"""By the number of axes of an observation."""
