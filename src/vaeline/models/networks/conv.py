"""Convolutional encoder and decoder: three strided layers down by 8, three transposed ones up."""

import math
from itertools import pairwise
from typing import Protocol

from pydantic import Field
from torch import nn

from vaeline.core.params import BaseOptions
from vaeline.models.contracts import EventShape
from vaeline.models.networks.init import initialise
from vaeline.models.networks.options import NetworkSection
from vaeline.models.networks.strided import STRIDE, Crop, Pad, StridedNetwork, channels_last


class ConvSection(NetworkSection, Protocol):
    """What a Conv reads of the section `network`."""

    @property
    def conv(self) -> "Conv.Options":
        """Its own options."""


class Conv(StridedNetwork):
    """The convolutional architecture (kernel 4, stride 2, padding 1): C → 32 → 64 → 128 by default.

    The parameter `hidden_dim` has no effect.
    """

    class Options(BaseOptions):
        """Options of `network.conv`: the channels of the first layer, doubled at each further one."""

        channels: int = Field(32, ge=1)

    def __init__(self, section: ConvSection) -> None:
        super().__init__(section, channels=section.conv.channels)

    def encoder(self, event_shape: EventShape) -> tuple[nn.Module, int]:
        """Returns a module [B, C, H, W] → [B, features], and the number of features."""
        layers = [self._block(nn.Conv2d, *pair) for pair in pairwise([event_shape[0], *self.channels])]
        encoder = nn.Sequential(Pad(event_shape), *layers, nn.Flatten())
        return channels_last(encoder), math.prod(self.smallest(event_shape))

    def decoder(self, latent_dim: int, event_shape: EventShape) -> nn.Module:
        """Returns a module [B, latent_dim] → [B, *event_shape] that ends with a linear layer."""
        smallest = self.smallest(event_shape)
        start = nn.Sequential(nn.Linear(latent_dim, math.prod(smallest)), self.activation())
        layers = [self._block(nn.ConvTranspose2d, *pair) for pair in pairwise(self.channels[::-1])]
        last = nn.ConvTranspose2d(self.channels[0], event_shape[0], 4, STRIDE, 1)
        initialise(start, self.section.init, self.section.activation)
        initialise(last, self.section.init)
        decoder = nn.Sequential(start, nn.Unflatten(1, smallest), *layers, last, Crop(event_shape))
        return channels_last(decoder)

    def _block(self, layer: type[nn.Conv2d | nn.ConvTranspose2d], fan_in: int, fan_out: int) -> nn.Module:
        norm = [nn.BatchNorm2d(fan_out)] if self.section.batch_norm else []
        block = nn.Sequential(layer(fan_in, fan_out, 4, STRIDE, 1), *norm, self.activation())
        initialise(block, self.section.init, self.section.activation)
        return block
