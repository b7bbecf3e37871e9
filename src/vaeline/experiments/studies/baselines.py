"""What 8-bit images cost without a VAE, in bits per dimension: simple densities, and formats of files."""

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from PIL import Image

from vaeline.core.progress import bar
from vaeline.models.likelihoods.continuous_bernoulli import ContinuousBernoulli, Tilted
from vaeline.models.likelihoods.eight_bit import GREY_LEVELS

BASELINE_CHUNK = 2048
Bits = np.ndarray
"""Of each image, [N], in bits per dimension."""


def independent_bits(train: np.ndarray, test: np.ndarray) -> Bits:
    """Returns −log₂ P of images whose values are independent, each with its own histogram over `train`.

    One is added to each count (Laplace's rule), so that no level is impossible.

    Args:
        train: uint8 [N, *event_shape].
        test: uint8 [M, *event_shape].
    """
    dims = int(np.prod(train.shape[1:]))
    counts = np.ones((dims, GREY_LEVELS))
    places = np.arange(dims)
    for chunk in _chunks(train):
        for image in chunk:
            counts[places, image] += 1
    bits = -np.log2(counts / (len(train) + GREY_LEVELS))
    return np.concatenate([bits[places, chunk].mean(1) for chunk in _chunks(test)])


class GaussianBits:
    """−log₂ p of Gaussians with the moments of training images, of which a few directions may be kept.

    Images are dequantized to (g + u)/256, so that the figures bound those of the levels from above, as those
    of a VAE's density do.
    """

    def __init__(self, train: np.ndarray, seed: int = 0) -> None:
        """Takes mean and covariance of `train`, uint8 [N, *event_shape], in float64."""
        self._generator = torch.Generator().manual_seed(seed)
        count, dims = len(train), int(np.prod(train.shape[1:]))
        total, products = np.zeros(dims), np.zeros((dims, dims))
        for chunk in bar(list(_chunks(train)), desc="covariance", unit="chunk"):
            x = self._dequantized(chunk)
            total += x.sum(0)
            products += x.T @ x
        self._mean = total / count
        variances, directions = np.linalg.eigh(products / count - np.outer(self._mean, self._mean))
        self._variances, self._directions = variances[::-1], directions[:, ::-1]

    def __call__(self, test: np.ndarray, kept: int) -> Bits:
        """Returns the bits of `test`, uint8 [M, *event_shape].

        Args:
            test: The images.
            kept: Directions with a variance of their own; the others share their mean one. That is
                probabilistic PCA with so many latents, at its maximum likelihood (Tipping & Bishop 1999,
                equations 7 and 8), and with as many as there are dimensions a Gaussian with full covariance.
        """
        dims = len(self._mean)
        variances = self._variances.copy()
        if kept < dims:
            variances[kept:] = variances[kept:].mean()
        constant = 0.5 * np.log(2 * np.pi * variances).sum()
        nats = []
        for chunk in _chunks(test):
            projected = (self._dequantized(chunk) - self._mean) @ self._directions
            nats.append(constant + 0.5 * (projected**2 / variances).sum(1))
        return np.concatenate(nats) / dims / np.log(2) + np.log2(GREY_LEVELS)

    def _dequantized(self, levels: np.ndarray) -> np.ndarray:
        noise = torch.rand(levels.shape, generator=self._generator, dtype=torch.float64).numpy()
        return (levels + noise) / GREY_LEVELS


def continuous_bernoulli_bits(images: np.ndarray) -> Bits:
    """Returns the least that `images`, uint8 [N, *event_shape], cost with any continuous Bernoulli.

    That is −E_u log₂ p of (g + u)/256 at the best parameter for each value, as if z told it at no rate. The
    family has no width of its own: at a mean of a half it is uniform, which costs all 8 bits.
    """
    middle = (torch.arange(GREY_LEVELS, dtype=torch.float64) + 0.5) / GREY_LEVELS
    # log p(x) is linear in x: its mean over a level is log p(middle), which is largest where E[x] = middle.
    best = ContinuousBernoulli((GREY_LEVELS,)).start(middle)
    bits = np.log2(GREY_LEVELS) - Tilted(best).log_prob(middle).numpy() / np.log(2)
    return np.concatenate([bits[chunk].mean(1) for chunk in _chunks(images)])


def file_bits(images: np.ndarray, **options: Any) -> Bits:
    """Returns what each of `images`, uint8 [N, C, H, W], takes as a file that Pillow writes so."""
    sizes = []
    for image in bar(images, desc=options["format"], unit="image"):
        with io.BytesIO() as file:
            Image.fromarray(np.ascontiguousarray(image.transpose(1, 2, 0).squeeze())).save(file, **options)
            sizes.append(file.tell())
    return 8 * np.array(sizes) / np.prod(images.shape[1:])


def _chunks(images: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(images), BASELINE_CHUNK):
        chunk = images[start : start + BASELINE_CHUNK]
        yield chunk.reshape(len(chunk), -1)
