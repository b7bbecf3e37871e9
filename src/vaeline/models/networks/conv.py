"""Convolutional encoder and decoder: three strided layers down by 8, three transposed ones up."""

import math
from itertools import pairwise
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from vaeline.core.params import BaseOptions
from vaeline.models.networks.init import init_weights
from vaeline.models.networks.options import ACTIVATIONS

Shape = tuple[int, int, int]
STRIDE = 2
STRIDED_LAYERS = 3


class Conv:
    """The convolutional architecture (kernel 4, stride 2, padding 1): C → 32 → 64 → 128 by default.

    Sides that 8 does not divide are padded with zeros on the way in (28 → 32) and cropped on the way out, so
    that the likelihood sees the image's own pixels alone. `hidden_dim` plays no part.
    """

    class Options(BaseOptions):
        """Options of `network.conv`: the channels of the first layer, doubled at each further one."""

        channels: int = Field(32, ge=1)

    def __init__(self, section: Any, *, hidden_dim: int) -> None:  # noqa: ARG002 (all networks are handed it)
        self.section = section
        self.channels = [section.conv.channels * 2**i for i in range(STRIDED_LAYERS)]

    def encoder(self, shape: Shape) -> tuple[nn.Module, int]:
        """Returns a module [B, C, H, W] → [B, features], and the number of features."""
        layers = [self._block(nn.Conv2d, *pair) for pair in pairwise([shape[0], *self.channels])]
        encoder = nn.Sequential(Pad(shape), *layers, nn.Flatten())
        return channels_last(encoder), math.prod(self._smallest(shape))

    def decoder(self, latent_dim: int, shape: Shape) -> nn.Module:
        """Returns a module [B, latent_dim] → [B, *shape], linear at its end."""
        smallest = self._smallest(shape)
        start = nn.Sequential(nn.Linear(latent_dim, math.prod(smallest)), self._activation())
        layers = [self._block(nn.ConvTranspose2d, *pair) for pair in pairwise(self.channels[::-1])]
        last = nn.ConvTranspose2d(self.channels[0], shape[0], 4, STRIDE, 1)
        if self.section.init == "vae":
            init_weights(start, self.section.activation)
            init_weights(last)
        decoder = nn.Sequential(start, nn.Unflatten(1, smallest), *layers, last, Crop(shape))
        return channels_last(decoder)

    @torch.no_grad()
    def start_at(self, decoder: nn.Module, parameters: Tensor) -> None:
        """As the other networks do, with one value a channel: the mean of `parameters` [C, H, W]."""
        if self.section.output_bias == "data_mean":
            decoder[-2].bias.copy_(parameters.mean((1, 2)))

    def _smallest(self, shape: Shape) -> Shape:
        factor = STRIDE**STRIDED_LAYERS
        return self.channels[-1], math.ceil(shape[1] / factor), math.ceil(shape[2] / factor)

    def _activation(self) -> nn.Module:
        return ACTIVATIONS[self.section.activation]()

    def _block(self, layer: type[nn.Module], fan_in: int, fan_out: int) -> nn.Module:
        norm = [nn.BatchNorm2d(fan_out)] if self.section.batch_norm else []
        block = nn.Sequential(layer(fan_in, fan_out, 4, STRIDE, 1), *norm, self._activation())
        if self.section.init == "vae":
            init_weights(block, self.section.activation)
        return block


def channels_last(network: nn.Module) -> nn.Module:
    """Returns `network` with its kernels laid out as the layers' outputs then are: a tenth faster on CPUs."""
    for kernel in (p for p in network.parameters() if p.dim() == 4):
        kernel.data = kernel.data.contiguous(memory_format=torch.channels_last)
    return network


def _margins(shape: Shape) -> tuple[int, int, int, int]:
    """Returns the zeros to add left, right, above and below."""
    height, width = (-side % STRIDE**STRIDED_LAYERS for side in shape[1:])
    return width // 2, width - width // 2, height // 2, height - height // 2


class Pad(nn.Module):
    """[B, C, H, W] → the same with zeros around it, up to the next multiple of 8."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.margins = _margins(shape)

    def forward(self, x: Tensor) -> Tensor:
        """Returns x with its margins."""
        return F.pad(x, self.margins)


class Crop(nn.Module):
    """The way back: [B, C, H', W'] → [B, C, H, W]."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.left, _, self.top, _ = _margins(shape)
        self.height, self.width = shape[1:]

    def forward(self, x: Tensor) -> Tensor:
        """Returns x without its margins."""
        return x[..., self.top : self.top + self.height, self.left : self.left + self.width]
