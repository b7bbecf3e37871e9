"""Likelihoods of grey values 0 … 255: their masses, or densities of the values dequantized."""

import math

import torch
from torch import Tensor

from vaeline.data.draws import Draws
from vaeline.models.contracts import Likelihood

GREY_LEVELS = 256
DEQUANTIZATION_SEED = 0  # of the one dequantization that bounds are scored on
DEQUANTIZATION_CHUNK = 4096


class EightBit(Likelihood):
    """P(g|z) of the grey values themselves; the model is shown g/255."""

    unit = 1.0  # the width of what log p(x) is a density of, as a share of one level's own

    def observe(self, images: Tensor, draws: Draws) -> Tensor:
        """Returns g/255 of a minibatch: uint8 [B, C, H, W] → float32 in [0, 1]."""
        return images.to(draws.device).float() / (GREY_LEVELS - 1)

    def measures(self, log_likelihood: Tensor, dimensions: int) -> dict[str, Tensor]:
        """Returns `bits_per_dim` [N], −log₂ P(g) over `dimensions`, of log p(x) [N] of images, in nats."""
        return {"bits_per_dim": -log_likelihood / (dimensions * math.log(2)) + math.log2(self.unit)}


class Dequantized(EightBit):
    """p(x|z) of x = (g + u)/256, with u uniform in [0, 1) (Theis, van den Oord & Bethge 2016, section 3.1).

    A density of the 256 values alone has no lower bound on its negative logarithm: with spikes upon them it
    exceeds any number. Of x it has, for E_u log p(x) − log 256 ≤ log P(g), the mass that the density leaves
    each level. So `bits_per_dim` is an upper bound on the bits of a level, comparable with those of a mass.
    """

    unit = float(GREY_LEVELS)

    def observe(self, images: Tensor, draws: Draws) -> Tensor:
        """Returns (g + u)/256 of a minibatch: uint8 [B, C, H, W] → float32 in [0, 1], u anew at each use."""
        return draws.uniform(images.shape).add_(images.to(draws.device)) / GREY_LEVELS

    def evaluation_set(self, images: Tensor) -> Tensor:
        """Returns 255 (g + u)/256, float32 [N, C, H, W]: the one dequantization that bounds are scored on."""
        generator = torch.Generator().manual_seed(DEQUANTIZATION_SEED)
        chunks = images.split(DEQUANTIZATION_CHUNK)
        values = [torch.rand(chunk.shape, generator=generator).add_(chunk) for chunk in chunks]
        return torch.cat(values).mul_((GREY_LEVELS - 1) / GREY_LEVELS)
