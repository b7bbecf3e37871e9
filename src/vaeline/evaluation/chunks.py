"""Images in chunks for a model, so small that memory does not grow with the number of images."""

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from vaeline.data.observations import Observations, observed, pixels, with_pixels

# Rows of the decoder at a time: few enough that a layer's output stays in the processor's cache. The number
# is fixed rather than fitted to the machine, because noise is drawn chunk by chunk: other chunks, other
# draws.
DECODER_ROWS = 2048
DECODER_PIXELS = DECODER_ROWS * 28 * 28  # images larger than 28×28 are decoded fewer at a time
GPU_TIMES = 32
"""How many times as many rows a GPU takes at once: 200 MB for each layer's output, in a fraction of a ms."""


def model_input(images: Observations, device: torch.device) -> Observations:
    """Returns stored values [N, *event_shape] as a model takes them on `device`, see `observed`."""
    images = images.to(device)
    return with_pixels(images, observed(pixels(images)))


def model_input_chunks(model: nn.Module, images: Observations) -> Iterator[Observations]:
    """Yields images [N, C, H, W] in chunks, each on the model's device and in the form that it takes."""
    for chunk in images.split(rows_at_a_time(images.shape[1:])):
        yield model_input(chunk, device_of(model))


def rows_at_a_time(shape: Sequence[int], device: torch.device | None = None) -> int:
    """Returns how many images of `shape` (C, H, W) to decode at a time.

    `DECODER_ROWS` up to 1×28×28, and fewer for larger images, so that memory does not grow with their size;
    `GPU_TIMES` as many where `device` is a GPU.
    """
    times = GPU_TIMES if device is not None and device.type == "cuda" else 1
    return max(1, times * min(DECODER_ROWS, DECODER_PIXELS // math.prod(shape)))


class Gathered:
    """What is computed chunk by chunk, [count, ...], in memory that is taken once.

    Kept one by one, small results would lie between the large tensors of their chunks, and the allocator
    could use no gap again: memory would grow with the number of chunks.
    """

    def __init__(self, count: int) -> None:
        self._count, self._filled = count, 0
        self._whole: Tensor | None = None

    def add(self, part: Tensor) -> None:
        """Copies the results of the next chunk, [B, ...], all of one type and device."""
        if self._whole is None:
            self._whole = part.new_empty((self._count, *part.shape[1:]))
        self._whole[self._filled : self._filled + len(part)] = part
        self._filled += len(part)

    @property
    def whole(self) -> Tensor:
        """The results so far, [filled, ...]; there has to be a chunk."""
        assert self._whole is not None
        return self._whole[: self._filled]


def even_indices(n: int, count: int) -> Tensor:
    """Returns the indices of `count` of n images, [min(count, n)], evenly spaced over the whole set.

    A data set may be ordered by writer or class, so that its first images would not represent the rest.
    """
    return torch.linspace(0, n - 1, min(count, n)).round().long()


def device_of(model: nn.Module) -> torch.device:
    """Returns the device that a model's weights lie on."""
    return next(model.parameters()).device
