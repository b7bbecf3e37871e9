"""Random mirroring and shifting of training images at each use, by whole pixels so as not to blur them."""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from vaeline.core.errors import VaelineError
from vaeline.data.draws import Draws
from vaeline.data.observations import Observations, pixels, with_pixels


class AugmentationParams(Protocol):
    """The params that say how training images are changed."""

    @property
    def augment_flip(self) -> float:
        """Probability of mirroring an image left to right."""

    @property
    def augment_shift(self) -> int:
        """Largest shift in pixels, with black coming in."""

    @property
    def augment_crop(self) -> int:
        """Largest shift in pixels, with the pixels at the edge repeated."""


class Augmentation:
    """Random changes to a training batch, made before the likelihood observes it; bounds never use them.

    Each image is mirrored left to right with probability `augment_flip`. It is shifted by up to
    `augment_shift` pixels vertically and horizontally, with black coming in, each of the (2s + 1)² shifts
    equally likely; and likewise by up to `augment_crop`, with the pixels at the edge repeated: that is
    padding by c, followed by a random crop to the original size. Where all three are 0, nothing is drawn.

    The model learns the density of the changed images, so that its bound on the original ones can be lower.
    """

    def __init__(self, params: AugmentationParams) -> None:
        self.flip, self.shift, self.crop = params.augment_flip, params.augment_shift, params.augment_crop

    def __call__(self, batch: Observations, draws: Draws) -> Observations:
        """Returns the changed batch on the device of `draws`, or `batch` itself if nothing is to be changed.

        Args:
            batch: images [B, C, H, W] of any type, with or without labels.
            draws: source of all randomness.

        Raises:
            VaelineError: if an image could be shifted out of its frame, or the examples are not images.
        """
        if not (self.flip or self.shift or self.crop):
            return batch
        return with_pixels(batch.to(draws.device), self._changed(pixels(batch), draws))

    def _changed(self, images: Tensor, draws: Draws) -> Tensor:
        if images.dim() != 4:
            raise VaelineError(
                f"augment_flip, augment_shift and augment_crop change images, and the data are rows of "
                f"{images.shape[1]} numbers: "
                "`dvc exp run -S augment_flip=0 -S augment_shift=0 -S augment_crop=0`"
            )
        _check_within_frame(images, augment_shift=self.shift, augment_crop=self.crop)
        images = images.to(draws.device)
        if self.flip:
            images = flipped(images, draws.uniform((len(images),)) < self.flip)
        if self.shift:
            padded = functional.pad(images, (self.shift,) * 4)
            images = cropped(padded, _random_corners(len(images), self.shift, draws), images.shape[-2:])
        if self.crop:
            padded = pad_edges(images, self.crop)
            images = cropped(padded, _random_corners(len(images), self.crop, draws), images.shape[-2:])
        return images


def flipped(images: Tensor, chosen: Tensor) -> Tensor:
    """Returns images [B, C, H, W], the `chosen` ones (bool [B]) mirrored left to right."""
    return torch.where(chosen[:, None, None, None], images.flip(-1), images)


def cropped(images: Tensor, corners: Tensor, size: Sequence[int]) -> Tensor:
    """Returns one window of each of images [B, C, H, W].

    Args:
        images: [B, C, H, W].
        corners: int64 [2, B], the row and the column at which each window begins.
        size: height and width of the windows.
    """
    height, width = size
    windows = images.unfold(2, height, 1).unfold(3, width, 1)  # [B, C, row, column, *size], not copied
    return windows[torch.arange(len(images), device=images.device), :, corners[0], corners[1]]


def pad_edges(images: Tensor, by: int) -> Tensor:
    """Returns images padded by `by` pixels on each side, each a copy of the nearest pixel of the image."""
    # On a GPU, functional.pad can repeat the edges of floating-point images only.
    above, below = (edge.expand(-1, -1, by, -1) for edge in (images[:, :, :1], images[:, :, -1:]))
    images = torch.cat([above, images, below], dim=2)
    left, right = (edge.expand(-1, -1, -1, by) for edge in (images[..., :1], images[..., -1:]))
    return torch.cat([left, images, right], dim=3)


def _random_corners(count: int, padding: int, draws: Draws) -> Tensor:
    """Returns the first row and the first column of each window, [2, count]."""
    return draws.integers(2 * padding + 1, (count, 2)).T


def _check_within_frame(images: Tensor, **shifts: int) -> None:
    side = min(images.shape[-2:])
    for key, shift in shifts.items():
        if shift >= side:
            raise VaelineError(
                f"{key} = {shift} can shift images of {side} pixels out of their frame: "
                f"use at most {side - 1}, `dvc exp run -S {key}={side - 1}`"
            )
