"""A gated PixelCNN: at each pixel, numbers that hang on the pixels before it alone."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vaeline.models.networks.init import init_weights


class GatedPixelCNN(nn.Module):
    """The network of van den Oord et al. (2016), "Conditional image generation with PixelCNN decoders".

    The vertical stack sees the rows above, the horizontal one those and what is to the left, so that no pixel
    before the one at hand is out of sight. Both have gates, tanh · sigmoid, the horizontal one is residual,
    and a `condition` of that many channels enters each gate at its own pixel (section 2.3 of the paper).
    """

    def __init__(
        self, inputs: int, outputs: int, *, channels: int, layers: int, kernel: int, condition: int = 0
    ) -> None:
        super().__init__()
        self.radius = kernel // 2  # of an odd kernel
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
        """How many rows above and columns to each side of a pixel are seen from there."""
        return self.radius * len(self.layers)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Returns [B, outputs, H, W] for x [B, inputs, H, W] and a condition [B, condition, H, W].

        What stands at a pixel depends on the pixels of x before it in raster order, whatever their channel.
        """
        r, seen, horizontal = self.radius, x, x
        for layer, (down, right) in zip(self.layers, self._added(condition, x.shape[2:]), strict=True):
            vertical = x if layer.first else _gated(seen)
            seen = layer.down(F.pad(vertical, (r, r, r, 0))) + down
            horizontal = layer.right(F.pad(horizontal, (r, 0)), layer.across(seen) + right)
        return self.head(horizontal)

    # A graph of every pixel would take hours to compile. (torch.compiler.disable says the same, and imports
    # the compiler at once: two seconds in each stage.)
    @torch._disable_dynamo
    @torch.no_grad()
    def sample(
        self,
        step: Callable[[Tensor], Tensor],
        shape: tuple[int, int, int],
        condition: Tensor | None = None,
    ) -> Tensor:
        """Returns x [B, inputs, H, W], filled pixel by pixel with what `step` makes of the output there.

        `step` takes [B, outputs] and returns [B, inputs]; `shape` is (B, H, W). Every number within the
        network is computed once, when what it hangs on is complete: it costs the products of a single pass.
        """
        n, height, width = shape
        r, added = self.radius, self._added(condition, (height, width))
        new = next(self.parameters()).new_zeros
        # What each layer's stacks see, with the zeros around it that `forward` pads with.
        above = [new(n, layer.inputs, height + r, width + 2 * r) for layer in self.layers]
        x = above[0]
        for i in range(height):
            fed = self._row(above, added, i)
            left = [x[:, :, i + r : i + r + 1]]
            left += [new(n, layer.inputs, 1, width + r) for layer in self.layers[1:]]
            for j in range(width):
                at = self._pixel(left, fed, j)
                x[:, :, i + r, j + r] = step(self.head(at).flatten(1))
        return x[:, :, r:, r : width + r].clone()

    def _row(self, above: list[Tensor], added: list[tuple[Tensor, Tensor]], i: int) -> list[Tensor]:
        """Computes row i of the vertical stack; returns what it adds to the horizontal one's gates."""
        r, fed = self.radius, []
        for k, (layer, (down, right)) in enumerate(zip(self.layers, added, strict=True)):
            seen = layer.down(above[k][:, :, i : i + r + 1]) + down[:, :, i : i + 1]
            fed.append(layer.across(seen) + right[:, :, i : i + 1])
            if k + 1 < len(above):
                above[k + 1][:, :, i + r : i + r + 1, r : r + seen.shape[3]] = _gated(seen)
        return fed

    def _pixel(self, left: list[Tensor], fed: list[Tensor], j: int) -> Tensor:
        """Computes column j of the horizontal stack; returns what the head takes, [B, channels, 1, 1]."""
        r = self.radius
        for k, layer in enumerate(self.layers):
            at = layer.right(left[k][..., j : j + r + 1], fed[k][..., j : j + 1])
            if k + 1 < len(left):
                left[k + 1][..., j + r : j + r + 1] = at
        return at

    def _added(self, condition: Tensor | None, sides: tuple[int, int]) -> list[tuple[Tensor, Tensor]]:
        """Returns what the condition adds to the gates of each layer: of the vertical stack, the other."""
        if self.condition is None:
            nothing = next(self.parameters()).new_zeros(1, 1, 1, 1).expand(-1, -1, *sides)
            return [(nothing, nothing)] * len(self.layers)
        parts = self.condition(condition).chunk(2 * len(self.layers), dim=1)
        return list(zip(parts[::2], parts[1::2], strict=True))


class _Layer(nn.Module):
    """One layer of both stacks; the first leaves out the row and the pixel at hand, the others have them."""

    def __init__(self, inputs: int, channels: int, radius: int, *, first: bool) -> None:
        super().__init__()
        self.inputs, self.radius, self.first = inputs, radius, first
        here = 0 if first else 1
        self.vertical = _Conv(inputs, 2 * channels, (radius + here, 2 * radius + 1))
        self.horizontal = _Conv(inputs, 2 * channels, (1, radius + here), bias=False)
        self.across = _Conv(2 * channels, 2 * channels, 1)
        self.out = _Conv(channels, channels, 1)

    def down(self, vertical: Tensor) -> Tensor:
        """Returns gates [B, 2 channels, H, W] for the vertical stack [B, inputs, r + H, r + W + r]."""
        return self.vertical(vertical[:, :, :-1] if self.first else vertical)

    def right(self, horizontal: Tensor, fed: Tensor) -> Tensor:
        """Returns [B, channels, H, W] for the horizontal stack [B, inputs, H, r + W] and what it is fed."""
        seen = self.horizontal(horizontal[..., :-1] if self.first else horizontal)
        change = self.out(_gated(seen + fed))
        return change if self.first else horizontal[..., self.radius :] + change


class _Conv(nn.Conv2d):
    """A convolution that is a product of matrices where its kernel fits once: at one pixel far faster."""

    def forward(self, values: Tensor) -> Tensor:
        if tuple(values.shape[2:]) != self.kernel_size:
            return super().forward(values)
        return F.linear(values.flatten(1), self.weight.flatten(1), self.bias)[:, :, None, None]


def _gated(values: Tensor) -> Tensor:
    """Returns tanh(a) σ(b) for the two halves of the channels."""
    a, b = values.chunk(2, dim=1)
    return a.tanh() * b.sigmoid()
