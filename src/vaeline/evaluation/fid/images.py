"""Real and generated images as uint8, rounded in the same way: the content of PNG files."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from vaeline.core.errors import VaelineError
from vaeline.core.scaling import BYTES, AnyScaling
from vaeline.data.arrays import ArraySource
from vaeline.data.prepared import FEWEST
from vaeline.runtime import processes

DRAW_SEED = 0
GENERATION_BATCH = 256


def to_uint8(values: Tensor, scaling: AnyScaling = BYTES) -> Tensor:
    """Returns pictures of what a model observes or returns, [N, C, H, W], rounded to the nearest of 0 … 255.

    Raises:
        VaelineError: if there are NaN among the values.
    """
    if values.isnan().any():
        raise VaelineError("samples of the model contain NaN: its training failed, see `dvc metrics show`")
    return (scaling.picture(values) * 255).round().to(torch.uint8)


class Pictures:
    """Stored values as the images that they are displayed as, uint8 [N, C, H, W], made when it is indexed."""

    dtype = np.dtype(np.uint8)

    def __init__(self, values: ArraySource, scaling: AnyScaling) -> None:
        self._values, self._scaling, self.shape = values, scaling, values.shape

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, rows: np.ndarray | slice) -> np.ndarray:
        values = self._values[rows]
        if values.dtype == np.uint8:
            return values
        return to_uint8(torch.from_numpy(values.copy()), self._scaling).numpy()


def generate_images(sample: Callable[[int], Tensor], n: int, scaling: AnyScaling = BYTES) -> np.ndarray:
    """Returns uint8 [n, C, H, W], drawn by `sample(count)` from torch's global generators in batches."""
    counts = [min(GENERATION_BATCH, n - start) for start in range(0, n, GENERATION_BATCH)]
    drawn = processes.each(counts, lambda count: to_uint8(sample(count), scaling).cpu())
    return torch.cat(drawn).numpy()


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


def random_subset(images: ArraySource, n: int) -> np.ndarray:
    """Returns n of `images` [N, C, H, W], drawn without replacement, always the same ones."""
    return images[random_indices(len(images), n)]


def random_indices(count: int, n: int) -> np.ndarray:
    """Returns n of the indices below `count`, drawn without replacement, ascending, always the same ones."""
    # Not the first n: the test set of MNIST begins with the neater writers, and digits is ordered by writer.
    return np.sort(np.random.default_rng(DRAW_SEED).permutation(count)[:n])
