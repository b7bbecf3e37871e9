"""Scores of single observations, by which unusual ones may be found."""

import io
import math
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image

from vaeline.evaluation.trained import TrainedModel
from vaeline.models.contracts import Model
from vaeline.serving.reading import Batch
from vaeline.serving.reference import outside, spread_over, training_data

NATS_PER_BYTE = 8 * math.log(2)
PICTURE_CHANNELS = (1, 3)


@dataclass(frozen=True)
class Scorer:
    """Scores rows: bounds on log p(x), their parts, and what they are compared with.

    Attributes:
        trained: The model.
        k: Importance samples of IWAE-k.
        draws: Draws of z that distortion, rate and ELBO are averages over.
        expected: E[log p(x)] on data like the training data in nats, see `expected_log_likelihood`; None
            leaves out typicality.
    """

    trained: TrainedModel
    k: int = 100
    draws: int = 10
    expected: float | None = None

    def score(self, batch: Batch) -> np.ndarray:
        """Returns a structured array, [n], with a field of float64 for each score.

        Fields are those of `TrainedModel.score`, in nats, and `mse`, the squared error of a pixel of E[x|z]
        at a z drawn from q(z|x); `typicality`, |IWAE − E[log p]|, the test of Nalisnick et al. (2019) on
        single rows; and for images `complexity`, the nats of the image as a PNG file, and
        `nll_minus_complexity`, the score S of Serrà et al. (2020). The higher −IWAE, distortion, rate, mse,
        typicality and the last are, the more unusual is the row.

        References:
            Nalisnick, Matsukawa, Teh & Lakshminarayanan (2019), "Detecting out-of-distribution inputs to deep
            generative models using typicality". Serrà, Álvarez, Gómez, Slizovskaia, Núñez & Luque (2020),
            "Input complexity and out-of-distribution detection with likelihood-based generative models".
        """
        scores = self.trained.score(batch.values, batch.labels, self.k, self.draws)
        scores["mse"] = self.squared_error(batch).reshape(len(batch.names), -1).mean(1)
        if self.expected is not None:
            scores["typicality"] = np.abs(scores["iwae"] - self.expected)
        if self._of_pictures:
            scores["complexity"] = complexity(observed_levels(self.trained.model, batch.returned))
            scores["nll_minus_complexity"] = -scores["iwae"] - scores["complexity"]
        return _structured(scores)

    def squared_error(self, batch: Batch) -> np.ndarray:
        """Returns (x − E[x|z])² of each value, [n, *event_shape], at one z drawn from q(z|x) for each row."""
        error: np.ndarray = batch.returned - self.trained.reconstruct(batch.values, batch.labels)
        return error**2

    @property
    def _of_pictures(self) -> bool:
        """Whether the rows are images of levels, in grey or RGB."""
        shape = self.trained.event_shape
        levels = self.trained.model.scaling.dtype == "uint8"
        return levels and len(shape) == 3 and shape[0] in PICTURE_CHANNELS


def expected_log_likelihood(trained: TrainedModel, k: int, draws: int) -> float | None:
    """Returns the mean IWAE-k of up to 1,000 validation images in nats; None where they are not here."""
    data = training_data(trained)
    if data is None:
        return None
    split = spread_over(data.valid)
    labels = split.labels if trained.classes else None
    return float(trained.score(outside(trained, split.values), labels, k, draws)["iwae"].mean())


def observed_levels(model: Model, values: np.ndarray) -> np.ndarray:
    """Returns what a model is scored on, uint8 [n, C, H, W], of values in [0, 1]: say, a binarization."""
    images = torch.from_numpy(values * 255).round().to(torch.uint8)
    observed = model.likelihood.evaluation_set(images)
    return (observed if observed.dtype == torch.uint8 else images).numpy()


def complexity(images: np.ndarray) -> np.ndarray:
    """Returns the length in nats of each of uint8 images [n, C, H, W] as an optimised PNG file, [n].

    Serrà et al. (2020) use it as an estimate of the complexity of an image, beside those of other codecs. An
    image of black and white has one bit a pixel.
    """
    return np.array([_png_bytes(image) for image in images], np.float64) * NATS_PER_BYTE


def _png_bytes(image: np.ndarray) -> int:
    pixels = image[0] if len(image) == 1 else np.moveaxis(image, 0, -1)
    bilevel = len(image) == 1 and bool(((image == 0) | (image == 255)).all())
    file = io.BytesIO()
    Image.fromarray(pixels > 0 if bilevel else pixels).save(file, "png", optimize=True)
    return file.tell()


def _structured(columns: dict[str, np.ndarray]) -> np.ndarray:
    names = list(columns)
    table = np.empty(len(columns[names[0]]), [(name, np.float64) for name in names])
    for name in names:
        table[name] = columns[name]
    return table
