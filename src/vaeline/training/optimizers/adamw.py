"""AdamW: Adam with decoupled weight decay."""

from typing import Protocol

import torch
from torch.optim.optimizer import ParamsT

from vaeline.training.optimizers.adam import FusedAdam, MomentOptions


class AdamWSection(Protocol):
    """What `adamw` reads of the section `optimizer`."""

    @property
    def adamw(self) -> "AdamW.Options":
        """Options of `adamw`."""


class AdamW(FusedAdam):
    """AdamW (Loshchilov & Hutter 2019, algorithm 2): that of `torch.optim.AdamW(fused=True)`, bit for bit.

    Weight decay shrinks each weight by the learning rate times `weight_decay`, and does not enter the
    moments. Without it, the update is Adam's.
    """

    class Options(MomentOptions):
        """Options of `optimizer.adamw`: the decay of both moments, and what keeps the quotient finite."""

    fused_update = staticmethod(torch._fused_adamw_)

    def __init__(
        self, *, section: AdamWSection, parameters: ParamsT, learning_rate: float, weight_decay: float
    ) -> None:
        super().__init__(section.adamw, parameters, learning_rate, weight_decay)
