"""Real and generated images as uint8, rounded in the same way: the content of PNG files."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from vaeline.core.errors import VaelineError
from vaeline.data.prepared import FEWEST
from vaeline.runtime import processes

DRAW_SEED = 0
GENERATION_BATCH = 256


def to_uint8(images: Tensor) -> Tensor:
    """Returns images in [0, 1] rounded to the nearest of 0 … 255; raises VaelineError if they contain NaN."""
    if images.isnan().any():
        raise VaelineError("samples of the model contain NaN: its training failed, see `dvc metrics show`")
    return (images * 255).round().clamp(0, 255).to(torch.uint8)


def generate_images(sample: Callable[[int], Tensor], n: int) -> np.ndarray:
    """Returns uint8 [n, C, H, W], drawn by `sample(count)` from torch's global generators in batches."""
    counts = [min(GENERATION_BATCH, n - start) for start in range(0, n, GENERATION_BATCH)]
    return torch.cat(processes.each(counts, lambda count: to_uint8(sample(count)).cpu())).numpy()


def sample_size(wanted: int, *available: int) -> int:
    """Returns the number of images in each half: `wanted`, or what is available if that is less.

    Raises:
        VaelineError: if there are too few for any distance.
    """
    n = min(wanted, *available)
    if n < FEWEST["test"]:  # the jackknife leaves out one image, and an unbiased estimate needs two
        raise VaelineError(
            f"{n} images in each half are too few (at least {FEWEST['test']}): raise fid_samples or "
            "data.valid_size, `dvc exp run -S fid_samples=2048 -S data.valid_size=auto`"
        )
    return n


def random_subset(images: np.ndarray, n: int) -> np.ndarray:
    """Returns n of `images` [N, C, H, W], drawn without replacement, always the same ones."""
    return images[random_indices(len(images), n)]


def random_indices(count: int, n: int) -> np.ndarray:
    """Returns n of the indices below `count`, drawn without replacement, ascending, always the same ones."""
    # Not the first n: the test set of MNIST begins with the neater writers, and digits is ordered by writer.
    return np.sort(np.random.default_rng(DRAW_SEED).permutation(count)[:n])
