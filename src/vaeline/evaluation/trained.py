"""A trained model: arrays in, arrays out."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vaeline.core.errors import VaelineError
from vaeline.data.observations import Labelled, Observations, pixels, with_pixels
from vaeline.evaluation.chunks import rows_at_a_time
from vaeline.evaluation.estimators.bounds import elbo_terms, importance_bounds
from vaeline.evaluation.estimators.latents import posterior_means
from vaeline.evaluation.input_checks import checked_images, checked_number, model_labels
from vaeline.evaluation.interpolation import spherical
from vaeline.models.contracts import Model

Array = np.ndarray | Tensor


class TrainedModel:
    """Encodes, decodes, reconstructs, samples, interpolates and scores.

    Images are observations of the model's event shape, (C, H, W) or another. A model of levels takes uint8
    levels 0 … 255, or floats in [0, 1], and returns floats in [0, 1]; one of other data takes and returns
    values in the units of those. `labels` are class numbers, int [N], for a model that is conditioned on
    them: it needs them for everything but samples. Results are float32 arrays. Random draws depend on
    torch's seed.

    Attributes:
        model: The PyTorch model itself, in eval mode on the CPU.
        source: What it was loaded from.

    Raises:
        VaelineError: By every method, for what the model cannot take, in one line.

    Example:
        >>> from vaeline.serving import load
        >>> trained = load("outputs/train")  # doctest: +SKIP
        >>> trained.sample(16).shape  # doctest: +SKIP
        (16, 1, 28, 28)
    """

    def __init__(self, model: Model, source: Path | str = "") -> None:
        self.model = model
        self.source = str(source)

    @property
    def event_shape(self) -> tuple[int, ...]:
        """Shape of one observation."""
        return tuple(self.model.event_shape)

    @property
    def latent_dim(self) -> int:
        """Dimensions of the z that `encode` returns and `decode` takes."""
        return self.model.latent_dim

    @property
    def classes(self) -> int:
        """How many labels the model is conditioned on; 0 where it takes none."""
        return self.model.classes

    def encode(self, images: Array, labels: Array | None = None, draws: int = 0) -> np.ndarray:
        """Returns E[z|x], [N, latent_dim], of the z that `decode` takes; or draws of q(z|x).

        A mean that has no closed form is that of 256 draws.

        Args:
            images: [N, *event_shape].
            labels: [N].
            draws: If not 0, how many draws of z to return for each image, [draws, N, latent_dim].
        """
        checked_number("draws", draws, 0)
        given = self._given(images, labels)
        if not draws:
            return self._in_chunks(lambda x: posterior_means(self.model, x)[..., : self.latent_dim], given)
        return self._in_chunks(lambda x: self._drawn(x, draws), given, dim=1)

    def decode(self, z: Array, labels: Array | None = None) -> np.ndarray:
        """Returns E[x|z], [N, *event_shape], for z [N, latent_dim]."""
        z = torch.as_tensor(z, dtype=torch.float32)
        if z.shape[1:] != (self.latent_dim,):
            raise VaelineError(
                f"z has the shape {list(z.shape)}, and this model takes [N, {self.latent_dim}]"
            )
        return self._decoded(z, model_labels(self.model, labels, len(z))).numpy()

    def reconstruct(self, images: Array, labels: Array | None = None) -> np.ndarray:
        """Returns E[x|z] at one z drawn from q(z|x), for images [N, *event_shape] in the same shape."""
        given = self._given(images, labels)
        return self._in_chunks(lambda x: self._returned(self.model.infer(x).likelihood.mean[0]), given)

    @torch.inference_mode()
    def sample(self, n: int, labels: Array | None = None, temperature: float = 1.0) -> np.ndarray:
        """Returns E[x|z] at z ~ p(z), [n, *event_shape].

        Args:
            n: How many.
            labels: [n]; a model that is conditioned on labels draws them if they are not given.
            temperature: What the standard deviations of p(z) are multiplied by; below 1 the samples are
                closer to what is typical, and less diverse.
        """
        checked_number("n", n, 1)
        checked_number("temperature", temperature, 0)
        given = model_labels(self.model, labels, n, needed=False)
        z = self.model.prior_sample((n,), temperature)[..., : self.latent_dim]
        return self._decoded(z, given).numpy()

    def interpolate(
        self, start: Array, end: Array, labels: Array | None = None, steps: int = 8
    ) -> np.ndarray:
        """Returns E[x|z] on the great arc between the means of q(z|x) of two images.

        Args:
            start: [N, *event_shape].
            end: [N, *event_shape].
            labels: [N], of both.
            steps: Points on each path, both ends among them: the result is [N, steps, *event_shape].
        """
        checked_number("steps", steps, 2)
        first, last = (torch.from_numpy(self.encode(images, labels)) for images in (start, end))
        path = spherical(first, last, steps)
        given = model_labels(self.model, labels, len(path))
        z = path.flatten(0, 1)
        shown = self._decoded(z, None if given is None else given.repeat_interleave(steps))
        return shown.unflatten(0, (-1, steps)).numpy()

    def score(
        self, images: Array, labels: Array | None = None, k: int = 100, draws: int = 10
    ) -> dict[str, np.ndarray]:
        """Returns bounds on log p(x) of each image in nats, float64 [N] each.

        They are computed on what the stage evaluate observes of an image: a Bernoulli likelihood, for
        example, of its one fixed binarization.

        Args:
            images: [N, *event_shape].
            labels: [N]; the bounds are then on log p(x|y).
            k: Importance samples of IWAE-k, at least 2.
            draws: Draws of z that distortion and ELBO are averages over.

        Returns:
            `elbo`, `distortion` and `rate`; `iwae`, and its standard error over draws of z, `iwae_se`, by the
            delta method; and what the likelihood measures besides, such as `bits_per_dim`.

        References:
            Burda, Grosse & Salakhutdinov (2016), equation 8.
        """
        checked_number("k", k, 2)
        checked_number("draws", draws, 1)
        observed = self._observed(images, labels)
        terms = elbo_terms(self.model, observed, draws)
        bounds = importance_bounds(self.model, observed, (k,))
        values = {"elbo": terms.elbo, "distortion": terms.distortion, "rate": terms.rate}
        values |= {"iwae": bounds.iwae, "iwae_se": bounds.monte_carlo_error}
        values |= self.model.likelihood.measures(bounds.iwae, pixels(observed)[0].numel())
        return {name: value.double().numpy() for name, value in values.items()}

    def _given(self, images: Array, labels: Array | None) -> Observations:
        """Returns images as the encoder takes them, with the labels that the model needs."""
        x = checked_images(self.model, images)
        given = model_labels(self.model, labels, len(x))
        return x if given is None else Labelled(x, given)

    def _observed(self, images: Array, labels: Array | None) -> Observations:
        """Returns what bounds are computed on, see `Likelihood.evaluation_set`."""
        given = self._given(images, labels)
        values = pixels(given)
        if self.model.scaling.dtype == "uint8":
            values = self.model.scaling.original(values).round().to(torch.uint8)
        return with_pixels(given, self.model.likelihood.evaluation_set(values))

    def _drawn(self, x: Observations, draws: int) -> Tensor:
        layers = self.model.layers(x, draws)
        return torch.cat([layer.sample for layer in layers], dim=-1)[..., : self.latent_dim]

    @torch.inference_mode()
    def _decoded(self, z: Tensor, labels: Tensor | None) -> Tensor:
        if labels is None:
            return self._returned(self.model.decode(z).mean)
        return self._returned(self.model.conditioned(Labelled(z, labels)).decode(z).mean)

    @torch.inference_mode()
    def _in_chunks(
        self, function: Callable[[Observations], Tensor], x: Observations, dim: int = 0
    ) -> np.ndarray:
        chunks = x.split(rows_at_a_time(self.event_shape))
        return torch.cat([function(chunk) for chunk in chunks], dim).numpy()

    def _returned(self, means: Tensor) -> Tensor:
        """Returns E[x|z], [N, *event_shape], within what observations can be: not every mean is bounded."""
        return self.model.scaling.written(self.model.scaling.bounded(means))
