"""The two halves as uint8 images, rounded alike: what PNG files would hold."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from vaeline.core.errors import VaelineError
from vaeline.runtime import processes

DRAW_SEED = 0
GENERATION_BATCH = 256
SMALLEST = 3  # the jackknife leaves one image out, and two make the smallest unbiased estimate


def to_uint8(images: Tensor) -> Tensor:
    """Returns images in [0, 1] rounded to the nearest of 0 … 255; raises VaelineError if they hold NaN."""
    if images.isnan().any():
        raise VaelineError("the model samples NaN: its training went wrong, see `dvc metrics show`")
    return (images * 255).round().clamp(0, 255).to(torch.uint8)


def generate_images(sample: Callable[[int], Tensor], n: int) -> np.ndarray:
    """Returns uint8 [n, C, H, W] from `sample(count)`, which draws from torch's global generators."""
    counts = [min(GENERATION_BATCH, n - start) for start in range(0, n, GENERATION_BATCH)]
    return torch.cat(processes.each(counts, lambda count: to_uint8(sample(count)).cpu())).numpy()


def sample_size(wanted: int, *available: int) -> int:
    """Returns how many images each half gets: `wanted`, capped by what there is.

    Raises VaelineError where that is too few for any distance.
    """
    n = min(wanted, *available)
    if n < SMALLEST:
        raise VaelineError(
            f"{n} images a half are too few (at least {SMALLEST}): raise fid_samples or data.valid_size"
        )
    return n


def random_subset(images: np.ndarray, n: int) -> np.ndarray:
    """Returns n of `images` [N, C, H, W], always the same ones, drawn without replacement."""
    return images[random_indices(len(images), n)]


def random_indices(count: int, n: int) -> np.ndarray:
    """Returns n of the numbers below `count`, ascending, always the same ones."""
    # Not the first n: MNIST's test set begins with its neater writers, and digits goes writer by writer.
    return np.sort(np.random.default_rng(DRAW_SEED).permutation(count)[:n])
