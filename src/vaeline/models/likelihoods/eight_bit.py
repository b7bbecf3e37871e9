"""Likelihoods of levels 0 … 255, as masses or as densities of dequantized values, and densities of floats."""

import math
from typing import ClassVar

import torch
from torch import Tensor

from vaeline.core.scaling import BYTES, TOP_LEVEL
from vaeline.data.draws import Draws
from vaeline.data.joined import joined
from vaeline.data.observations import observed
from vaeline.models.contracts import Likelihood

GREY_LEVELS = 256
DEQUANTIZATION_SEED = 0  # of the dequantization that bounds are evaluated on
DEQUANTIZATION_CHUNK = 4096


class EightBit(Likelihood):
    """P(g|z) of the grey values themselves; the model's input is g/255."""

    unit = 1.0  # width of the interval that log p(x) is a density over, relative to one grey level
    step: ClassVar[float | None] = 1 / TOP_LEVEL

    def observe(self, values: Tensor, draws: Draws) -> Tensor:
        """Returns g/255 of a minibatch: uint8 [B, *event_shape] → float32 in [0, 1]."""
        return observed(values.to(draws.device))

    def measures(self, log_likelihood: Tensor, dimensions: int) -> dict[str, Tensor]:
        """Returns `bits_per_dim` [N]: −log₂ P(g) / `dimensions`, from log p(x) [N] in nats.

        Of floats, nothing: the bits of a density depend on its unit.
        """
        if self.scaling.kind != BYTES.kind:
            return {}
        return {"bits_per_dim": -log_likelihood / (dimensions * math.log(2)) + math.log2(self.unit)}


class Dequantized(EightBit):
    """p(x|z) of x = (g + u)/256, with u uniform in [0, 1) (Theis, van den Oord & Bethge 2016, section 3.1).

    The negative logarithm of a density at the 256 values alone has no lower bound: a spike at each of them
    exceeds any number. For x it has one, since E_u log p(x) − log 256 ≤ log P(g), the mass that the density
    gives a level. So `bits_per_dim` is an upper bound on the bits of a level, comparable with those of a
    probability mass. Values that are stored as floats are observed as they are, without noise.
    """

    unit = float(GREY_LEVELS)
    step: ClassVar[float | None] = 0.0

    def observe(self, values: Tensor, draws: Draws) -> Tensor:
        """Returns (g + u)/256 of a minibatch, with a new u: uint8 [B, *event_shape] → float32 in [0, 1]."""
        if values.dtype != torch.uint8:
            return values.to(draws.device)
        return draws.uniform(values.shape).add_(values.to(draws.device)) / GREY_LEVELS

    def evaluation_set(self, values: Tensor) -> Tensor:
        """Returns what bounds are evaluated on: one draw of (g + u)/256, float32 [N, *event_shape]."""
        if values.dtype != torch.uint8:
            return values
        generator = torch.Generator().manual_seed(DEQUANTIZATION_SEED)
        pieces = (
            torch.rand(chunk.shape, generator=generator).add_(chunk).div_(GREY_LEVELS)
            for chunk in values.split(DEQUANTIZATION_CHUNK)
        )
        return joined(pieces, values.shape, torch.float32)
