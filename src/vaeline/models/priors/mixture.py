"""A learned mixture of Gaussians as prior."""

from typing import Protocol

import torch
from pydantic import Field
from torch import nn
from torch.distributions import Distribution

from vaeline.core.params import BaseOptions
from vaeline.models.contracts import Prior
from vaeline.models.distributions.mixtures import GaussianMixture


class MixtureSection(Protocol):
    """What a Mixture reads of the section `prior`."""

    @property
    def mixture(self) -> "Mixture.Options":
        """Its own options."""


class Mixture(Prior):
    """p(z) = Σ_m π_m N(μ_m, diag σ_m²), with π, μ and σ all learned.

    The mixture-of-Gaussians baseline of Tomczak & Welling (2018), with free weights.

    It starts with equal weights, μ_m ~ N(0, I) and σ_m = 1: wide enough for each component to meet the data.
    """

    class Options(BaseOptions):
        """Options of `prior.mixture`."""

        components: int = Field(10, ge=1)

    def __init__(self, section: MixtureSection, *, latent_dim: int) -> None:
        super().__init__()
        components = section.mixture.components
        self.loc = nn.Parameter(torch.randn(components, latent_dim))
        self.log_scale = nn.Parameter(torch.zeros(components, latent_dim))
        self.log_weights = nn.Parameter(torch.zeros(components))

    def forward(self) -> Distribution:
        """Returns p(z): batch [], event [latent_dim]."""
        return GaussianMixture(self.loc, self.log_scale.exp(), self.log_weights)
