"""Which of the training images are used for training, and which for validation."""

import numpy as np

from vaeline.core.errors import VaelineError
from vaeline.data.prepared import FEWEST
from vaeline.data.reading.dataset import DataSet

DEFAULT_SIZES = "`dvc exp run -S data.train_size=auto -S data.valid_size=auto`"


def split_indices(dataset: DataSet, available: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the indices of train and of valid among `available` training images.

    Train is taken from the front of one order and valid from its back: neither changes with the size of the
    other, and a smaller one lies within a larger one. In the random order, the first n of either are a random
    sample. Where the data set has a validation split of its own, each is taken from its own images.

    Raises:
        VaelineError: if the two sizes exceed `available`, or are too small for what comes after training.
    """
    options = dataset.options
    train = dataset.train_size if options.train_size == "auto" else options.train_size
    valid = dataset.valid_size if options.valid_size == "auto" else options.valid_size
    for name, count in (("train", train), ("valid", valid)):
        if count < FEWEST[name]:
            raise VaelineError(
                f"data.{name}_size = {count}: at least {FEWEST[name]} examples are needed, `dvc exp run -S "
                f"data.{name}_size={FEWEST[name]}`; {dataset.name} has {available} for train and valid"
            )
    if held_out := dataset.held_out:
        rest = available - held_out
        if train > rest or valid > held_out:
            raise VaelineError(
                f"{dataset.name} has {rest} training and {held_out} validation examples, fewer than "
                f"data.train_size ({train}) or data.valid_size ({valid}): lower it, or use its default "
                f"sizes, {DEFAULT_SIZES}"
            )
        return _order(dataset, rest)[:train], rest + _order(dataset, held_out)[held_out - valid :]
    if train + valid > available:
        raise VaelineError(
            f"data.train_size ({train}) and data.valid_size ({valid}) add up to {train + valid}, but "
            f"{dataset.name} has {available} training examples: lower one of them, or use its default sizes, "
            f"{DEFAULT_SIZES}"
        )
    order = _order(dataset, available)
    if options.split == "tail":
        return order[:train], order[available - valid :]
    return order[:train], order[::-1][:valid]


def _order(dataset: DataSet, count: int) -> np.ndarray:
    if dataset.options.split == "tail":
        return np.arange(count)
    # RandomState, not default_rng: only its stream is guaranteed not to change between versions of NumPy.
    return np.random.RandomState(dataset.options.split_seed).permutation(count)
