"""Which training images become train and which valid."""

import numpy as np

from vaeline.core.errors import VaelineError
from vaeline.data.reading.dataset import DataSet


def split_indices(dataset: DataSet, available: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the indices of train and of valid among `available` training images.

    Train is the front of one order and valid its back: neither changes with the other's size, and a smaller
    one lies within a larger one. In the random order, any head of either is a random sample. Raises
    VaelineError where the two sizes exceed what there is.
    """
    options = dataset.options
    train = dataset.train_size if options.train_size == "auto" else options.train_size
    valid = dataset.valid_size if options.valid_size == "auto" else options.valid_size
    if train + valid > available:
        raise VaelineError(
            f"data.train_size ({train}) and data.valid_size ({valid}) make {train + valid}, "
            f"but {dataset.name} has {available} training images: lower one of them"
        )
    if options.split == "tail":
        return np.arange(train), np.arange(available - valid, available)
    # RandomState, not default_rng: only its stream is promised never to change with NumPy's version.
    order = np.random.RandomState(options.split_seed).permutation(available)
    return order[:train], order[::-1][:valid]
