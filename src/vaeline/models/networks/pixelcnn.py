"""A gated PixelCNN: at each pixel, outputs that depend only on the pixels before it."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

import torch
from torch import Tensor, nn
from torch._compile import _disable_dynamo
from torch.nn import functional as F

from vaeline.models.networks.init import init_weights

Arguments = ParamSpec("Arguments")
ReturnT = TypeVar("ReturnT")


def not_compiled(function: Callable[Arguments, ReturnT]) -> Callable[Arguments, ReturnT]:
    """Returns `function`, to be run as it stands within a compiled one.

    As torch.compiler.disable, which however imports the compiler at once: two seconds in each stage.
    """
    return cast("Callable[Arguments, ReturnT]", _disable_dynamo(function))


class GatedPixelCNN(nn.Module):
    """The network of van den Oord et al. (2016), "Conditional image generation with PixelCNN decoders".

    The vertical stack sees the rows above, the horizontal one sees those and the pixels to the left, so that
    together they see every pixel before the current one. Both have gates, tanh · sigmoid; the horizontal one
    is residual, and a `condition` of that many channels enters each gate at its own pixel (section 2.3 of
    the paper). `kernel` is odd.
    """

    def __init__(
        self, inputs: int, outputs: int, *, channels: int, layers: int, kernel: int, condition: int = 0
    ) -> None:
        super().__init__()
        self.radius = kernel // 2
        self.inputs = inputs
        self.layers = nn.ModuleList(
            _Layer(channels if i else inputs, channels, self.radius, first=i == 0) for i in range(layers)
        )
        self.condition = _Conv(condition, layers * 4 * channels, 1, bias=False) if condition else None
        self.head = nn.Sequential(
            nn.ReLU(), _Conv(channels, channels, 1), nn.ReLU(), _Conv(channels, outputs, 1)
        )
        init_weights(self)

    @property
    def reach(self) -> int:
        """How many rows above, and columns to each side, an output depends on."""
        return self.radius * len(self.layers)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Returns [B, outputs, H, W] for x [B, inputs, H, W] and a condition [B, condition, H, W].

        The output at a pixel depends on the pixels of x before it in raster order, whatever their channel.
        """
        r, above, horizontal = self.radius, x, x
        height, width = x.shape[2:]
        added = self._added(condition, (height, width))
        for layer, (to_vertical, to_horizontal) in zip(self._layers, added, strict=True):
            vertical = x if layer.first else _gated(above)
            above = layer.down(F.pad(vertical, (r, r, r, 0))) + to_vertical
            horizontal = layer.right(F.pad(horizontal, (r, 0)), layer.across(above) + to_horizontal)
        return self.head(horizontal)

    @not_compiled  # a graph of every pixel would take hours to compile
    @torch.no_grad()
    def sample(
        self,
        step: Callable[[Tensor], Tensor],
        shape: tuple[int, int, int],
        condition: Tensor | None = None,
    ) -> Tensor:
        """Returns x [B, inputs, H, W], filled pixel by pixel with `step` of the output there.

        Each activation within the network is computed once, when all that it depends on is complete, so that
        sampling takes the matrix products of a single forward pass.

        Args:
            step: Takes the output at a pixel, [B, outputs], and returns the pixel, [B, inputs].
            shape: (B, H, W).
            condition: [B, condition, H, W].
        """
        n, height, width = shape
        r, added = self.radius, self._added(condition, (height, width))
        new = next(self.parameters()).new_zeros
        # The inputs of each layer's stacks, with the zeros around them that `forward` pads with.
        above = [new(n, layer.inputs, height + r, width + 2 * r) for layer in self._layers]
        x = above[0]
        for i in range(height):
            from_above = self._row(above, added, i)
            left = [x[:, :, i + r : i + r + 1]]
            left += [new(n, layer.inputs, 1, width + r) for layer in self._layers[1:]]
            for j in range(width):
                features = self._pixel(left, from_above, j)
                x[:, :, i + r, j + r] = step(self.head(features).flatten(1))
        return x[:, :, r:, r : width + r].clone()

    @property
    def _layers(self) -> list["_Layer"]:
        return [layer for layer in self.layers if isinstance(layer, _Layer)]

    def _row(self, above: list[Tensor], added: list[tuple[Tensor, Tensor]], i: int) -> list[Tensor]:
        """Computes row i of the vertical stack; returns what it adds to the horizontal stack's gates."""
        r, from_above = self.radius, []
        for k, (layer, (to_vertical, to_horizontal)) in enumerate(zip(self._layers, added, strict=True)):
            row = layer.down(above[k][:, :, i : i + r + 1]) + to_vertical[:, :, i : i + 1]
            from_above.append(layer.across(row) + to_horizontal[:, :, i : i + 1])
            if k + 1 < len(above):
                above[k + 1][:, :, i + r : i + r + 1, r : r + row.shape[3]] = _gated(row)
        return from_above

    def _pixel(self, left: list[Tensor], from_above: list[Tensor], j: int) -> Tensor:
        """Computes column j of the horizontal stack; returns the head's input, [B, channels, 1, 1]."""
        r = self.radius
        for k, layer in enumerate(self._layers):
            features = layer.right(left[k][..., j : j + r + 1], from_above[k][..., j : j + 1])
            if k + 1 < len(left):
                left[k + 1][..., j + r : j + r + 1] = features
        return features

    def _added(self, condition: Tensor | None, sides: tuple[int, int]) -> list[tuple[Tensor, Tensor]]:
        """Returns what the condition adds to each layer's gates: the vertical and the horizontal stack's."""
        if self.condition is None:
            nothing = next(self.parameters()).new_zeros(1, 1, 1, 1).expand(-1, -1, *sides)
            return [(nothing, nothing)] * len(self.layers)
        parts = self.condition(condition).chunk(2 * len(self.layers), dim=1)
        return list(zip(parts[::2], parts[1::2], strict=True))


class _Layer(nn.Module):
    """One layer of both stacks; the first one excludes the current row and pixel, the others include them."""

    def __init__(self, inputs: int, channels: int, radius: int, *, first: bool) -> None:
        super().__init__()
        self.inputs, self.radius, self.first = inputs, radius, first
        current = 0 if first else 1
        self.vertical = _Conv(inputs, 2 * channels, (radius + current, 2 * radius + 1))
        self.horizontal = _Conv(inputs, 2 * channels, (1, radius + current), bias=False)
        self.across = _Conv(2 * channels, 2 * channels, 1)
        self.out = _Conv(channels, channels, 1)

    def down(self, vertical: Tensor) -> Tensor:
        """Returns gates [B, 2 channels, H, W] for the vertical stack [B, inputs, r + H, r + W + r]."""
        return self.vertical(vertical[:, :, :-1] if self.first else vertical)

    def right(self, horizontal: Tensor, from_above: Tensor) -> Tensor:
        """Returns [B, channels, H, W] for the horizontal stack [B, inputs, H, r + W] and its added gates."""
        gates = self.horizontal(horizontal[..., :-1] if self.first else horizontal)
        change = self.out(_gated(gates + from_above))
        return change if self.first else horizontal[..., self.radius :] + change


class _Conv(nn.Conv2d):
    """A convolution that is one matrix product where its kernel fits once: at one pixel far faster."""

    def forward(self, values: Tensor) -> Tensor:
        if tuple(values.shape[2:]) != self.kernel_size:
            return super().forward(values)
        return F.linear(values.flatten(1), self.weight.flatten(1), self.bias)[:, :, None, None]


def _gated(values: Tensor) -> Tensor:
    """Returns tanh(a) σ(b) for the two halves of the channels."""
    a, b = values.chunk(2, dim=1)
    return a.tanh() * b.sigmoid()
