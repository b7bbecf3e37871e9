"""Adam, as PyTorch has it."""

from collections.abc import Iterable
from typing import Any

import torch
from pydantic import Field
from torch import nn

from vaeline.params import Options


class Adam(torch.optim.Adam):
    """Adam (Kingma & Ba 2015, algorithm 1) in one fused kernel."""

    class Options(Options):
        """Options of `optimizer.adam`: the decay of both moments, and what keeps the quotient finite."""

        beta1: float = Field(0.9, ge=0, lt=1)
        beta2: float = Field(0.999, ge=0, lt=1)
        eps: float = Field(1e-8, ge=0)

    def __init__(
        self, section: Any, *, parameters: Iterable[nn.Parameter], learning_rate: float, weight_decay: float
    ) -> None:
        options = section.adam
        betas = options.beta1, options.beta2
        super().__init__(parameters, learning_rate, betas, options.eps, weight_decay=weight_decay, fused=True)
