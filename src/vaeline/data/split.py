"""Which of the training images are used for training, and which for validation."""

import numpy as np

from vaeline.core.errors import VaelineError
from vaeline.data.prepared import FEWEST
from vaeline.data.reading.dataset import DataSet


def split_indices(dataset: DataSet, available: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the indices of train and of valid among `available` training images.

    Train is taken from the front of one order and valid from its back: neither changes with the size of the
    other, and a smaller one lies within a larger one. In the random order, the first n of either are a random
    sample.

    Raises:
        VaelineError: if the two sizes exceed `available`, or are too small for what comes after training.
    """
    options = dataset.options
    train = dataset.train_size if options.train_size == "auto" else options.train_size
    valid = dataset.valid_size if options.valid_size == "auto" else options.valid_size
    if train + valid > available:
        raise VaelineError(
            f"data.train_size ({train}) and data.valid_size ({valid}) add up to {train + valid}, but "
            f"{dataset.name} has {available} training images: lower one of them, or use its default sizes, "
            "`dvc exp run -S data.train_size=auto -S data.valid_size=auto`"
        )
    for name, count in (("train", train), ("valid", valid)):
        if count < FEWEST[name]:
            raise VaelineError(
                f"data.{name}_size = {count}: at least {FEWEST[name]} images are needed, `dvc exp run -S "
                f"data.{name}_size={FEWEST[name]}`; {dataset.name} has {available} for train and valid"
            )
    if options.split == "tail":
        return np.arange(train), np.arange(available - valid, available)
    # RandomState, not default_rng: only its stream is guaranteed not to change between versions of NumPy.
    order = np.random.RandomState(options.split_seed).permutation(available)
    return order[:train], order[::-1][:valid]
