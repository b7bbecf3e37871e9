"""What a model takes as input: values as a tensor, or values together with their labels."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vaeline.core.scaling import TOP_LEVEL


@dataclass(frozen=True, eq=False)
class Labelled:
    """Values [N, *event_shape], such as images, with their labels, int64 [N].

    It can be indexed, split and moved as a tensor of images can, so that code which passes images on to a
    model, in batches or chunks, works on both.
    """

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, rows: slice | Tensor) -> "Labelled":
        return Labelled(self.images[rows], self.labels[rows])

    @property
    def shape(self) -> torch.Size:
        """Shape of the images."""
        return self.images.shape

    @property
    def device(self) -> torch.device:
        """Device of images and labels."""
        return self.images.device

    @property
    def nbytes(self) -> int:
        """Bytes of images and labels together."""
        return self.images.nbytes + self.labels.nbytes

    def index_select(self, dim: int, index: Tensor) -> "Labelled":
        """Returns the examples at `index`; `dim` is 0."""
        return Labelled(self.images.index_select(dim, index), self.labels.index_select(dim, index))

    def split(self, size: int) -> "Sequence[Labelled]":
        """Returns chunks of `size` examples; the last may be smaller."""
        return tuple(map(Labelled, self.images.split(size), self.labels.split(size)))

    def to(self, device: torch.device, dtype: torch.dtype | None = None) -> "Labelled":
        """Returns both on `device`, the images as `dtype`."""
        return Labelled(self.images.to(device, dtype), self.labels.to(device))


Observations = Tensor | Labelled


def pixels(x: Observations) -> Tensor:
    """Returns the values alone, [N, *event_shape]."""
    return x.images if isinstance(x, Labelled) else x


def observed(values: Tensor) -> Tensor:
    """Returns what a model observes of stored values, float32: level/255 of uint8, and floats as they are."""
    levels = values.dtype == torch.uint8
    return values.to(torch.float32) / TOP_LEVEL if levels else values


def with_pixels(x: Observations, images: Tensor) -> Observations:
    """Returns `x` with its images replaced by `images`."""
    return Labelled(images, x.labels) if isinstance(x, Labelled) else images


def as_tensors(x: Observations) -> list[Tensor]:
    """Returns the values, and after them the labels where there are any, each contiguous."""
    values = [x.images, x.labels] if isinstance(x, Labelled) else [x]
    return [value.contiguous() for value in values]


def from_tensors(tensors: Sequence[Tensor], labelled: bool) -> tuple[Observations, list[Tensor]]:
    """Returns what `as_tensors` gave, from the beginning of `tensors`, and the tensors after it."""
    if labelled:
        return Labelled(*tensors[:2]), list(tensors[2:])
    return tensors[0], list(tensors[1:])


def resident(images: Observations, device: torch.device) -> Observations:
    """Returns `images` on a CUDA `device` if they fit into half of its free memory, else where they are."""
    if device.type != "cuda" or 2 * images.nbytes > torch.cuda.mem_get_info(device)[0]:
        return images
    return images.to(device)
