"""The 8×8 digits that come with scikit-learn (Alpaydin, Kaynak 1998): real data without a download."""

from functools import cached_property

import numpy as np

from vaeline.data.reading.dataset import DataSet, Examples

# The file holds one form after another, each of about 128 digits in the same order, and a new form begins
# here: the test images are the last three forms, by writers who are not in the training set.
TEST_START = 1415
WHITE = 16


class Digits(DataSet):
    """10 digits; 1,415 training images (1,200 / 215 by default) and the last 382 as the test set.

    These 1,797 images are published without a split.
    """

    name = "digits"
    classes = tuple("0123456789")
    train_size = 1_200
    valid_size = 215

    def training(self) -> Examples:
        """Returns the first 1,415 images."""
        images, labels, _ = self._all
        return Examples(images[:TEST_START], labels[:TEST_START])

    def test(self) -> Examples:
        """Returns the last 382 images."""
        images, labels, _ = self._all
        return Examples(images[TEST_START:], labels[TEST_START:])

    @cached_property
    def _all(self) -> Examples:
        from sklearn.datasets import load_digits  # takes seconds, so only where it is needed

        pixels, labels = load_digits(return_X_y=True)
        levels = pixels.astype(np.int64).reshape(-1, 1, 8, 8)  # 0 .. 16
        images = (levels * 255 + WHITE // 2) // WHITE  # rounded to the nearest of 0 .. 255
        return Examples(images.astype(np.uint8), labels.astype(np.int64))
