"""The prior of discrete latents: autoregressive over a grid of codes."""

import math
from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from vaeline.models.contracts import Prior
from vaeline.models.distributions.codebook import Codebook
from vaeline.models.distributions.codes import Coded
from vaeline.models.distributions.numerics import in_full
from vaeline.models.networks.init import output_layer
from vaeline.models.networks.pixelcnn import GatedPixelCNN


class CodeOptions(Protocol):
    """What a CodePrior reads of the options `model.vq`."""

    @property
    def codes(self) -> int:
        """The vectors of the codebook."""

    @property
    def embedding_dim(self) -> int:
        """Dimensions of each vector."""

    @property
    def decay(self) -> float:
        """Of the codebook's running means."""

    @property
    def side(self) -> int:
        """The grid has side × side codes."""

    @property
    def prior_channels(self) -> int:
        """Channels of the PixelCNN."""

    @property
    def prior_layers(self) -> int:
        """Layers of the PixelCNN."""


class CodePrior(Prior):
    """p(z) of a VQ-VAE: its codebook, and a gated PixelCNN over the grid of codes.

    Each code depends on all codes before it: the kernels are as wide as that takes.
    """

    __call__: Callable[..., Coded]

    def __init__(self, options: CodeOptions) -> None:
        super().__init__()
        self.codebook = Codebook(options.codes, options.embedding_dim, options.decay)
        self.codes, self.side = options.codes, options.side
        radius = max(1, math.ceil((options.side - 1) / options.prior_layers))
        self.network = GatedPixelCNN(
            options.codes,
            options.codes,
            channels=options.prior_channels,
            layers=options.prior_layers,
            kernel=2 * radius + 1,
        )

    def forward(self) -> Coded:
        """Returns p(z): batch [], event [side² · embedding_dim]."""
        return Coded(self.codebook.table, self.side**2, self.logits, self.choose)

    def logits(self, codes: Tensor) -> Tensor:
        """Returns log p(c_i | c_1 … c_{i−1}), unnormalised, [N, side², codes], for codes [N, side²]."""
        grid = self._one_hot(codes).unflatten(1, (self.side, self.side)).movedim(-1, 1)
        return in_full(self.network(grid)).flatten(2).mT

    def choose(self, uniform: Tensor, temperature: float = 1.0) -> Tensor:
        """Returns codes [N, side²], drawn one after the other by uniform numbers in [0, 1] of that shape."""
        numbers = iter(uniform.T.contiguous().unbind())

        def step(logits: Tensor) -> Tensor:
            cumulative = (logits / temperature).softmax(-1).cumsum(-1)
            codes = torch.searchsorted(cumulative, next(numbers).unsqueeze(-1)).squeeze(-1)
            # Rounding may leave the last sum below 1.
            return self._one_hot(codes.clamp(max=self.codes - 1))

        grid = self.network.sample(step, (len(uniform), self.side, self.side))
        return grid.argmax(1).flatten(1)

    def _one_hot(self, codes: Tensor) -> Tensor:
        """Returns codes [...] as inputs of the network: 1 for each code, 0 for all others, [..., codes]."""
        every = torch.arange(self.codes, device=codes.device)
        return (codes.unsqueeze(-1) == every).to(output_layer(self.network).weight.dtype)
