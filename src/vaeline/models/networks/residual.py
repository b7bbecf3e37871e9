"""Residual convolutional encoder and decoder."""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Protocol

from pydantic import Field
from torch import Tensor, nn

from vaeline.core.params import BaseOptions
from vaeline.models.contracts import EventShape
from vaeline.models.networks.init import Init, Nonlinearity, initialise, output_layer
from vaeline.models.networks.options import NetworkSection
from vaeline.models.networks.strided import STRIDE, Crop, Pad, StridedNetwork, channels_last


class ResidualSection(NetworkSection, Protocol):
    """What a Residual reads of the section `network`."""

    @property
    def residual(self) -> "Residual.Options":
        """Its own options."""


class Residual(StridedNetwork):
    """The convolutional architecture with residual blocks (He et al. 2016, full pre-activation).

    Three times down by 2 with a strided convolution; up by repeating each pixel and convolving, which avoids
    checkerboard artefacts (Odena et al. 2016); `blocks` residual blocks after each. The parameter
    `hidden_dim` has no effect.
    """

    class Options(BaseOptions):
        """Options of `network.residual`: channels of the first layer; residual blocks after each."""

        channels: int = Field(32, ge=1)
        blocks: int = Field(1, ge=1)

    def __init__(self, section: ResidualSection) -> None:
        super().__init__(section, channels=section.residual.channels)
        self.blocks = section.residual.blocks

    def encoder(self, event_shape: EventShape) -> tuple[nn.Module, int]:
        """Returns a module [B, C, H, W] → [B, features], and the number of features."""
        layers: list[nn.Module] = [Pad(event_shape)]
        for fan_in, fan_out in pairwise([event_shape[0], *self.channels]):
            layers += [nn.Conv2d(fan_in, fan_out, 4, STRIDE, 1), *self._blocks(fan_out)]
        encoder = nn.Sequential(*layers, self.activation(), nn.Flatten())
        self._init(encoder)
        return channels_last(encoder), math.prod(self.smallest(event_shape))

    def decoder(self, latent_dim: int, event_shape: EventShape) -> nn.Module:
        """Returns a module [B, latent_dim] → [B, *event_shape] that ends with a linear layer."""
        smallest = self.smallest(event_shape)
        layers: list[nn.Module] = [nn.Linear(latent_dim, math.prod(smallest)), nn.Unflatten(1, smallest)]
        for fan_in, fan_out in pairwise([*self.channels[::-1], self.channels[0]]):
            layers += [
                *self._blocks(fan_in),
                nn.Upsample(scale_factor=STRIDE),
                nn.Conv2d(fan_in, fan_out, 3, 1, 1),
            ]
        body = nn.Sequential(*layers, self.activation())
        last = nn.Conv2d(self.channels[0], event_shape[0], 3, 1, 1)
        self._init(body)
        initialise(last, self.section.init)
        return channels_last(nn.Sequential(body, last, Crop(event_shape)))

    def _blocks(self, channels: int) -> list[nn.Module]:
        return [Block(channels, self.section.batch_norm, self.activation) for _ in range(self.blocks)]

    def _init(self, network: nn.Module) -> None:
        initialise(network, self.section.init)  # nothing cuts off the negative half between two blocks
        for block in (module for module in network.modules() if isinstance(module, Block)):
            block.init(self.section.init, self.section.activation)


class Block(nn.Module):
    """x + conv(act(conv(act(x)))), with BatchNorm before each activation if `batch_norm` is on."""

    def __init__(self, channels: int, batch_norm: bool, activation: Callable[[], nn.Module]) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for _ in range(2):
            layers += [nn.BatchNorm2d(channels)] if batch_norm else []
            layers += [activation(), nn.Conv2d(channels, channels, 3, 1, 1)]
        self.change = nn.Sequential(*layers)

    def init(self, init: Init, nonlinearity: Nonlinearity) -> None:
        """Makes the block the identity, so that depth adds no variance (Zhang et al. 2019, Fixup)."""
        initialise(self.change, init, nonlinearity)
        nn.init.zeros_(output_layer(self.change).weight)

    def forward(self, x: Tensor) -> Tensor:
        """Returns [B, channels, H, W] for x of that shape."""
        return x + self.change(x)
