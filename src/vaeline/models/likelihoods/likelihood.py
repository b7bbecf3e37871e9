"""What every likelihood is."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution


class Likelihood(nn.Module):
    """A module whose call turns what a decoder says into p(x|z).

    `training_set` and `evaluation_set` are made once of the data set's images; `observe` makes of a minibatch
    what the model is shown, and the noise in it is drawn anew at each use. It is built for images of that
    many `channels`.
    """

    def __init__(self, section: Any, *, channels: int = 1) -> None:  # noqa: ARG002
        super().__init__()

    def outputs(self, channels: int) -> int:
        """Returns how many numbers a pixel of that many `channels` takes from the decoder."""
        return channels

    def forward(self, decoded: Tensor) -> Distribution:
        """Returns p(x|z) for [K, B, outputs(C), H, W]: batch [K, B], event [C, H, W], values in [0, 1]."""
        raise NotImplementedError

    def start(self, mean: Tensor) -> Tensor:
        """Returns what a decoder says [outputs(C), H, W] at the mean image [C, H, W], in [0, 1]."""
        raise NotImplementedError

    def training_set(self, images: Tensor) -> Tensor:
        """Returns the uint8 images [N, C, H, W] to train on."""
        return images

    def evaluation_set(self, images: Tensor) -> Tensor:
        """Returns what bounds are scored on, of uint8 images [N, C, H, W], always the same: 0 … 255."""
        return images

    def observe(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Returns what the model is shown of a minibatch: uint8 [B, C, H, W] → float32 in [0, 1]."""
        raise NotImplementedError

    def measures(self, log_likelihood: Tensor, dimensions: int) -> dict[str, Tensor]:  # noqa: ARG002
        """Returns other measures by name, [N], of log p(x) [N], in nats, of images of `dimensions` values."""
        return {}
