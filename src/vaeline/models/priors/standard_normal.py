"""The standard normal prior."""

from typing import Any

import torch
from torch.distributions import Distribution

from vaeline.models.distributions.gaussians import diagonal_gaussian
from vaeline.models.priors.prior import Prior


class StandardNormal(Prior):
    """p(z) = N(0, I)."""

    def __init__(self, section: Any, *, latent_dim: int, **context: Any) -> None:
        super().__init__(section, **context)
        self.register_buffer("loc", torch.zeros(latent_dim), persistent=False)
        self.register_buffer("scale", torch.ones(latent_dim), persistent=False)

    def forward(self) -> Distribution:
        """Returns p(z): batch [], event [latent_dim]."""
        return diagonal_gaussian(self.loc, self.scale)
