"""Residual convolutional encoder and decoder."""

import math
from itertools import pairwise
from typing import Any

from pydantic import Field
from torch import Tensor, nn

from vaeline.core.params import BaseOptions
from vaeline.models.networks.conv import STRIDE, STRIDED_LAYERS, Conv, Crop, Pad, Shape, channels_last
from vaeline.models.networks.init import init_weights


class Residual(Conv):
    """The convolutional architecture with residual blocks (He et al. 2016, full pre-activation).

    Down by 2 three times with a strided convolution, up by repeating each pixel and convolving, which leaves
    no checkerboard (Odena et al. 2016); `blocks` of them after each. `hidden_dim` plays no part.
    """

    class Options(BaseOptions):
        """Options of `network.residual`: channels of the first layer, doubled at each further one; blocks."""

        channels: int = Field(32, ge=1)
        blocks: int = Field(1, ge=1)

    def __init__(self, section: Any, *, hidden_dim: int) -> None:
        super().__init__(section, hidden_dim=hidden_dim)
        self.channels = [section.residual.channels * 2**i for i in range(STRIDED_LAYERS)]

    def encoder(self, shape: Shape) -> tuple[nn.Module, int]:
        """Returns a module [B, C, H, W] → [B, features], and the number of features."""
        layers: list[nn.Module] = [Pad(shape)]
        for fan_in, fan_out in pairwise([shape[0], *self.channels]):
            layers += [nn.Conv2d(fan_in, fan_out, 4, STRIDE, 1), *self._blocks(fan_out)]
        encoder = nn.Sequential(*layers, self._activation(), nn.Flatten())
        self._init(encoder)
        return channels_last(encoder), math.prod(self._smallest(shape))

    def decoder(self, latent_dim: int, shape: Shape) -> nn.Module:
        """Returns a module [B, latent_dim] → [B, *shape], linear at its end."""
        smallest = self._smallest(shape)
        layers: list[nn.Module] = [nn.Linear(latent_dim, math.prod(smallest)), nn.Unflatten(1, smallest)]
        for fan_in, fan_out in pairwise([*self.channels[::-1], self.channels[0]]):
            layers += [
                *self._blocks(fan_in),
                nn.Upsample(scale_factor=STRIDE),
                nn.Conv2d(fan_in, fan_out, 3, 1, 1),
            ]
        body, last = (
            nn.Sequential(*layers, self._activation()),
            nn.Conv2d(self.channels[0], shape[0], 3, 1, 1),
        )
        self._init(body)
        if self.section.init == "vae":
            init_weights(last)
        return channels_last(nn.Sequential(body, last, Crop(shape)))

    def _blocks(self, channels: int) -> list[nn.Module]:
        return [
            Block(channels, self.section.batch_norm, self._activation)
            for _ in range(self.section.residual.blocks)
        ]

    def _init(self, network: nn.Module) -> None:
        if self.section.init == "vae":
            init_weights(network, self.section.activation)


class Block(nn.Module):
    """x + conv(act(conv(act(x)))), with BatchNorm before each activation if told."""

    def __init__(self, channels: int, batch_norm: bool, activation: Any) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for _ in range(2):
            layers += [nn.BatchNorm2d(channels)] if batch_norm else []
            layers += [activation(), nn.Conv2d(channels, channels, 3, 1, 1)]
        self.change = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Returns [B, channels, H, W] for x of that shape."""
        return x + self.change(x)
