"""The standard normal prior."""

import torch
from torch import Tensor
from torch.distributions import Distribution

from vaeline.models.contracts import Prior
from vaeline.models.distributions.gaussians import diagonal_gaussian


class StandardNormal(Prior):
    """p(z) = N(0, I)."""

    loc: Tensor
    scale: Tensor

    def __init__(self, *, latent_dim: int) -> None:
        super().__init__()
        self.register_buffer("loc", torch.zeros(latent_dim), persistent=False)
        self.register_buffer("scale", torch.ones(latent_dim), persistent=False)

    def forward(self) -> Distribution:
        """Returns p(z): batch [], event [latent_dim]."""
        return diagonal_gaussian(self.loc, self.scale)
