"""Patches of the two photographs that come with scikit-learn: colour images without a download."""

from functools import cached_property
from typing import Protocol

import numpy as np
from pydantic import Field

from vaeline.core.params import BaseOptions
from vaeline.data.reading.dataset import DataSection, DataSet, Examples

TEST_SHARE = 5
"""The rightmost fifth of each photograph is the test set."""


class PhotoPatchesSection(DataSection, Protocol):
    """The options in `data:` that the photo patches read."""

    @property
    def photo_patches(self) -> "PhotoPatches.Options":
        """Options of `data.photo_patches`."""


class PhotoPatches(DataSet):
    """Non-overlapping squares of china.jpg and flower.jpg (427×640 each).

    The label is the photograph. The last fifth of the columns of squares is the test set, and a tenth of the
    other squares is used for validation. At 32×32 there are 375 / 41 / 104 squares: enough to try colour
    images, too few to learn much from.
    """

    options: PhotoPatchesSection
    name = "photo_patches"
    classes = ("china", "flower")

    class Options(BaseOptions):
        """Options of `data.photo_patches`."""

        side: int = Field(32, ge=8, le=64)

    @property
    def train_size(self) -> int:
        """All training patches that are not used for validation."""
        return len(self._columns(test=False).labels) - self.valid_size

    @property
    def valid_size(self) -> int:
        """A tenth of the training patches."""
        return len(self._columns(test=False).labels) // 10

    def training(self) -> Examples:
        """Returns the patches in the left four fifths."""
        return self._columns(test=False)

    def test(self) -> Examples:
        """Returns the patches in the right fifth."""
        return self._columns(test=True)

    def _columns(self, test: bool) -> Examples:
        first = self._patches.shape[2] * (TEST_SHARE - 1) // TEST_SHARE
        chosen = self._patches[:, :, slice(first, None) if test else slice(first)]
        labels = np.broadcast_to(np.arange(2)[:, None, None], chosen.shape[:3])
        return Examples(chosen.reshape(-1, *chosen.shape[3:]), labels.flatten().astype(np.int64))

    @cached_property
    def _patches(self) -> np.ndarray:
        """The photographs as uint8 [2, rows, columns, C = 3, side, side], cropped at right and bottom."""
        from sklearn.datasets import load_sample_images  # takes seconds, so only where it is needed

        side = self.options.photo_patches.side
        photographs = np.stack(load_sample_images().images)  # [2, height, width, 3]
        rows, columns = (length // side for length in photographs.shape[1:3])
        cut = photographs[:, : rows * side, : columns * side]
        return cut.reshape(2, rows, side, columns, side, 3).transpose(0, 1, 3, 5, 2, 4)
