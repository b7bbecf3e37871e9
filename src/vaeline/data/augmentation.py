"""Training images mirrored and moved at random at each use, by whole pixels, so that none is blurred."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from vaeline.core.errors import VaelineError
from vaeline.data.draws import Draws
from vaeline.data.observations import Observations, pixels, with_pixels


class Augmentation:
    """What is done to a training batch before the likelihood observes it; bounds never see any of it.

    Each image is mirrored left to right with probability `augment_flip`. It is moved by up to `augment_shift`
    pixels down or up and by as many to the right or left, black coming in, each of the (2s + 1)² ways equally
    often; and likewise by up to `augment_crop`, the pixels at the edge repeated into what is laid bare: that
    is padding by c, and cropping to the old size at random. Where all three are 0 nothing is drawn.

    What is learnt is the density of the changed images: the bound of the real ones can be lower for it.
    """

    def __init__(self, config: Any) -> None:
        self.flip, self.shift, self.crop = config.augment_flip, config.augment_shift, config.augment_crop

    def __call__(self, batch: Observations, draws: Draws) -> Observations:
        """Returns a batch [B, C, H, W] of any type, changed, on the device of `draws`; else as it is.

        Raises VaelineError where an image could be moved out of its frame.
        """
        if not (self.flip or self.shift or self.crop):
            return batch
        return with_pixels(batch.to(draws.device), self._changed(pixels(batch), draws))

    def _changed(self, images: Tensor, draws: Draws) -> Tensor:
        _inside(images, augment_shift=self.shift, augment_crop=self.crop)
        images = images.to(draws.device)
        if self.flip:
            images = flipped(images, draws.uniform((len(images),)) < self.flip)
        if self.shift:
            padded = functional.pad(images, (self.shift,) * 4)
            images = cropped(padded, _places(len(images), self.shift, draws), images.shape[-2:])
        if self.crop:
            padded = with_edges(images, self.crop)
            images = cropped(padded, _places(len(images), self.crop, draws), images.shape[-2:])
        return images


def flipped(images: Tensor, chosen: Tensor) -> Tensor:
    """Returns images [B, C, H, W], the `chosen` ones (bool [B]) mirrored left to right."""
    return torch.where(chosen[:, None, None, None], images.flip(-1), images)


def cropped(images: Tensor, places: Tensor, size: tuple[int, int]) -> Tensor:
    """Returns of images [B, C, H, W] the windows of `size` that begin at rows and columns `places` [2, B]."""
    windows = images.unfold(2, size[0], 1).unfold(3, size[1], 1)  # [B, C, row, column, *size], not copied
    return windows[torch.arange(len(images), device=images.device), :, places[0], places[1]]


def with_edges(images: Tensor, by: int) -> Tensor:
    """Returns images padded on all sides by that many pixels, each the nearest one of the image."""
    # functional.pad repeats edges of floating-point images alone on a GPU.
    above, below = (edge.expand(-1, -1, by, -1) for edge in (images[:, :, :1], images[:, :, -1:]))
    images = torch.cat([above, images, below], dim=2)
    left, right = (edge.expand(-1, -1, -1, by) for edge in (images[..., :1], images[..., -1:]))
    return torch.cat([left, images, right], dim=3)


def _places(count: int, padding: int, draws: Draws) -> Tensor:
    """Returns the first row and the first column of each window, [2, count]."""
    return draws.integers(2 * padding + 1, (count, 2)).T


def _inside(images: Tensor, **most: int) -> None:
    side = min(images.shape[-2:])
    for key, value in most.items():
        if value >= side:
            raise VaelineError(f"{key} = {value} moves images of {side} pixels out of their frame")
