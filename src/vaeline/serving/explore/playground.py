"""What the page can do with a model, without the page."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import torch

from vaeline.core.errors import VaelineError
from vaeline.data.observations import observed
from vaeline.data.reading.pixels import square_image
from vaeline.evaluation.chunks import rows_at_a_time
from vaeline.evaluation.trained import TrainedModel
from vaeline.serving.passes import pixels_of
from vaeline.serving.reading import Batch
from vaeline.serving.reference import ReferenceImages, outside, reference_of, training_data
from vaeline.serving.scores import Scorer
from vaeline.serving.sources import image_form
from vaeline.serving.traversal import Dimension, ranked_dimensions

SLIDERS = 10  # dimensions at most
RANKED = 200  # reference images that a score is ranked among
NEIGHBOURS = 6
K = 50  # importance samples of a score
DRAWS = 10


@dataclass(frozen=True)
class Look:
    """What the model makes of one image.

    Attributes:
        reconstruction: E[x|z], as all images pixels in [0, 1], [C, H, W].
        z: E[z|x], [latent_dim].
        scores: See `Scorer.score`.
        less_likely: The share of reference images with a lower bound on log p(x).
        neighbours: The most similar images of the training data, [n, C, H, W].
    """

    reconstruction: np.ndarray
    z: np.ndarray
    scores: dict[str, float]
    less_likely: float
    neighbours: np.ndarray


@dataclass(frozen=True)
class Playground:
    """A model, its most informative dimensions, and images to compare with.

    What its methods take and return are pixels in [0, 1], see `Scaling.picture`.

    Attributes:
        trained: The model.
        reference: Validation images, or samples of a model that came without data, and their latents.
        dimensions: What sliders move, those with the highest KL first.
        gallery: Images that neighbours are looked for among, as they are stored, [N, C, H, W].
        ranking: Bounds on log p(x) of reference images, ascending, [M].
        from_data: Whether reference and gallery are of the training data.
    """

    trained: TrainedModel
    reference: ReferenceImages
    dimensions: Sequence[Dimension]
    gallery: np.ndarray
    ranking: np.ndarray
    from_data: bool

    @classmethod
    def of(cls, trained: TrainedModel) -> Self:
        """Prepares to play with a model; raises VaelineError for one that is not of grey or RGB images."""
        if pixels_of(trained) is None:
            raise VaelineError(
                "only images in grey or RGB can be shown, and this model takes values of shape "
                f"{list(trained.event_shape)}: use `vaeline sample`, `traverse` and `score`"
            )
        reference, data = reference_of(trained), training_data(trained)
        labels = reference.labels[:RANKED] if reference.labels is not None and trained.classes else None
        bounds = trained.score(outside(trained, reference.images[:RANKED]), labels, K, DRAWS)["iwae"]
        return cls(
            trained,
            reference,
            ranked_dimensions(trained, reference)[:SLIDERS],
            reference.images if data is None else data.train.values,
            np.sort(bounds),
            data is not None,
        )

    @property
    def means(self) -> np.ndarray:
        """E[z|x] of the reference images, [N, latent_dim]."""
        means: np.ndarray = self.reference.latents.mean[:, : self.trained.latent_dim].numpy()
        return means

    def decode(self, z: np.ndarray, label: int | None = None) -> np.ndarray:
        """Returns E[x|z], [C, H, W], for z [latent_dim]."""
        return self._pixels(self.trained.decode(z[None], self._labels(1, label)))[0]

    def sample(self) -> np.ndarray:
        """Returns a z drawn from p(z), [latent_dim]."""
        return self.trained.model.prior_sample((1,))[0, : self.trained.latent_dim].numpy()

    def interpolate(self, start: int, end: int, steps: int, label: int | None = None) -> np.ndarray:
        """Returns E[x|z] between two reference images, by their numbers: [steps, C, H, W]."""
        first, last = (outside(self.trained, self.reference.images[[row]]) for row in (start, end))
        return self._pixels(self.trained.interpolate(first, last, self._labels(1, label), steps)[0])

    def originals(self, rows: Sequence[int]) -> np.ndarray:
        """Returns reference images by their numbers, [n, C, H, W]."""
        return self._shown(self.reference.images[np.asarray(rows)])

    def look(self, image: np.ndarray, label: int | None = None) -> Look:
        """Returns what the model makes of an image [C, H, W]."""
        images = self.trained.model.scaling.written(self._observed(image))
        batch = Batch(["image"], images, self._labels(1, label), self.trained.model.scaling)
        scorer = Scorer(self.trained, K, DRAWS, float(self.ranking.mean()))
        scores = scorer.score(batch)[0]
        return Look(
            self._pixels(self.trained.reconstruct(images, batch.labels))[0],
            self.trained.encode(images, batch.labels)[0],
            {name: float(scores[name]) for name in scores.dtype.names},
            float(np.searchsorted(self.ranking, scores["iwae"]) / len(self.ranking)),
            self.neighbours(image),
        )

    def neighbours(self, image: np.ndarray) -> np.ndarray:
        """Returns the images of the gallery that are nearest to one in what is observed, [n, C, H, W]."""
        x = torch.from_numpy(self._observed(image)).flatten()
        parts = range(0, len(self.gallery), rows_at_a_time(image.shape))
        chunks = (torch.tensor(self.gallery[start : start + parts.step]) for start in parts)
        distances = torch.cat([(observed(chunk).flatten(1) - x).square().sum(1) for chunk in chunks])
        nearest = distances.topk(min(NEIGHBOURS, len(distances)), largest=False).indices
        return self._shown(self.gallery[nearest.numpy()])

    def read_image(self, content: bytes, name: str) -> np.ndarray:
        """Returns an image file as the model takes it, [C, S, S] in [0, 1]; raises VaelineError."""
        form = image_form(self.trained.model, Path(name))
        try:
            levels = np.asarray(square_image(content, form).image)
        except Exception as error:  # damaged files raise anything
            raise VaelineError(f"{name}: not readable as an image ({error})") from None
        return np.moveaxis(levels.reshape(form.side, form.side, -1), -1, 0).astype(np.float32) / 255

    def _observed(self, image: np.ndarray) -> np.ndarray:
        """Returns an image [C, H, W] as the model observes it, float32 [1, C, H, W]."""
        return self.trained.model.scaling.of_picture(image[None].astype(np.float32))

    def _shown(self, stored: np.ndarray) -> np.ndarray:
        """Returns stored values as pixels."""
        return self.trained.model.scaling.picture(observed(torch.from_numpy(np.array(stored))).numpy())

    def _pixels(self, returned: np.ndarray) -> np.ndarray:
        """Returns values in the units that the model returns as pixels."""
        scaling = self.trained.model.scaling
        return scaling.picture(scaling.read(returned))

    def _labels(self, count: int, label: int | None) -> np.ndarray | None:
        return np.full(count, label or 0) if self.trained.classes else None
