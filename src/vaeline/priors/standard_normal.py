"""The standard normal prior."""

from typing import Any

import torch
from torch import nn
from torch.distributions import Distribution

from vaeline.divergences import diagonal_gaussian


class StandardNormal(nn.Module):
    """p(z) = N(0, I)."""

    def __init__(self, section: Any, *, latent_dim: int) -> None:  # noqa: ARG002 (it has no options)
        super().__init__()
        self.register_buffer("loc", torch.zeros(latent_dim), persistent=False)
        self.register_buffer("scale", torch.ones(latent_dim), persistent=False)

    def forward(self) -> Distribution:
        """Returns p(z): batch [], event [latent_dim]."""
        return diagonal_gaussian(self.loc, self.scale)
