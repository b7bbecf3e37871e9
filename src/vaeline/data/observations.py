"""What a model is shown: images as a tensor, or images and labels side by side."""

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Labelled:
    """Images [N, C, H, W] and their labels, int64 [N]: cut, chosen, scaled and moved as the images alone are.

    So whatever passes images on to a model, in batches or chunks, passes these on as well.
    """

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, rows: slice | Tensor) -> Self:
        return Labelled(self.images[rows], self.labels[rows])

    def __truediv__(self, number: float) -> Self:
        return Labelled(self.images / number, self.labels)

    @property
    def shape(self) -> torch.Size:
        """That of the images."""
        return self.images.shape

    @property
    def device(self) -> torch.device:
        """That of images and labels."""
        return self.images.device

    @property
    def nbytes(self) -> int:
        """Those of the images and the labels."""
        return self.images.nbytes + self.labels.nbytes

    def index_select(self, dim: int, index: Tensor) -> Self:
        """Returns the examples of `index`; `dim` is 0."""
        return Labelled(self.images.index_select(dim, index), self.labels.index_select(dim, index))

    def split(self, size: int) -> tuple[Self, ...]:
        """Returns chunks of `size` examples; the last may be smaller."""
        return tuple(map(Labelled, self.images.split(size), self.labels.split(size)))

    def to(self, device: torch.device, dtype: torch.dtype | None = None) -> Self:
        """Returns both on `device`, the images as `dtype`."""
        return Labelled(self.images.to(device, dtype), self.labels.to(device))


Observations = Tensor | Labelled


def pixels(x: Observations) -> Tensor:
    """Returns the images alone, [N, C, H, W]."""
    return x.images if isinstance(x, Labelled) else x


def with_pixels(x: Observations, images: Tensor) -> Observations:
    """Returns x with other images."""
    return Labelled(images, x.labels) if isinstance(x, Labelled) else images


def resident(images: Observations, device: torch.device) -> Observations:
    """Returns `images` on a CUDA `device` if they leave half of its free memory free, else where they are."""
    if device.type != "cuda" or 2 * images.nbytes > torch.cuda.mem_get_info(device)[0]:
        return images
    return images.to(device)
