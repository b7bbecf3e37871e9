"""Posteriors that transform a diagonal Gaussian by a normalising flow."""

from abc import abstractmethod
from typing import Protocol

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.distributions import Distribution

from vaeline.core.params import BaseOptions
from vaeline.models.contracts import Posterior
from vaeline.models.distributions.flows import Flow
from vaeline.models.distributions.numerics import in_full
from vaeline.models.networks.init import init_weights
from vaeline.models.posteriors.diagonal import DiagonalGaussian, DiagonalSection

CONTEXT = 32  # features of the image that each step receives


class FlowOptions(BaseOptions):
    """Options of a flow: the number of steps, and the units of the two hidden layers of each."""

    steps: int = Field(2, ge=1)
    hidden_dim: int = Field(64, ge=1)


class FlowPosterior(Posterior):
    """q(z|x): a diagonal Gaussian (with the options of `posterior.diagonal`), then steps that see the image.

    The steps start near the identity, so that training starts at the diagonal posterior. Their networks are
    zuko's.
    """

    Options = FlowOptions

    def __init__(
        self, section: DiagonalSection, options: FlowOptions, *, features: int, latent_dim: int
    ) -> None:
        super().__init__()
        self.diagonal = DiagonalGaussian(section, features=features, latent_dim=latent_dim)
        self.fc_context = nn.Linear(features, CONTEXT)
        init_weights(self.fc_context)
        hidden = [options.hidden_dim] * 2
        self.steps = nn.ModuleList(self.step(latent_dim, i, hidden) for i in range(options.steps))
        for step in self.steps:
            *_, last = step.get_submodule("hyper").children()
            nn.init.zeros_(last.get_parameter("bias"))
            last.get_parameter("weight").data.mul_(0.01)

    @staticmethod
    @abstractmethod
    def step(latent_dim: int, number: int, hidden: list[int]) -> nn.Module:
        """Returns a module from context [B, CONTEXT] to a transform of z; odd ones are reversed."""

    def forward(self, features: Tensor) -> Distribution:
        """Returns q(z|x) for features [..., features]: batch [...], event [latent_dim]."""
        context = in_full(self.fc_context(features))
        return Flow(self.diagonal(features), [step(context) for step in self.steps])


class InverseAutoregressiveSection(DiagonalSection, Protocol):
    """What an InverseAutoregressive reads of the section `posterior`."""

    @property
    def iaf(self) -> FlowOptions:
        """Its own options."""


class InverseAutoregressive(FlowPosterior):
    """Each dimension is scaled and shifted by a function of those before it (Kingma et al. 2016, section 3).

    A draw takes one pass a step; the density of a z from elsewhere takes one a dimension.
    """

    def __init__(self, section: InverseAutoregressiveSection, *, features: int, latent_dim: int) -> None:
        super().__init__(section, section.iaf, features=features, latent_dim=latent_dim)

    @staticmethod
    def step(latent_dim: int, number: int, hidden: list[int]) -> nn.Module:
        """Returns a masked autoregressive transform."""
        from zuko.flows.autoregressive import MaskedAutoregressiveTransform  # only where it is needed

        order = torch.arange(latent_dim)
        order = order.flip(0) if number % 2 else order
        return MaskedAutoregressiveTransform(latent_dim, CONTEXT, order=order, hidden_features=hidden)


class CouplingSection(DiagonalSection, Protocol):
    """What a Coupling reads of the section `posterior`."""

    @property
    def coupling(self) -> FlowOptions:
        """Its own options."""


class Coupling(FlowPosterior):
    """RealNVP: one half of the dimensions is scaled and shifted by a function of the other.

    Dinh et al. (2017). Both a draw and a density take one pass a step.
    """

    def __init__(self, section: CouplingSection, *, features: int, latent_dim: int) -> None:
        super().__init__(section, section.coupling, features=features, latent_dim=latent_dim)

    @staticmethod
    def step(latent_dim: int, number: int, hidden: list[int]) -> nn.Module:
        """Returns an affine coupling."""
        from zuko.flows.coupling import GeneralCouplingTransform  # only where it is needed

        mask = (torch.arange(latent_dim) + number) % 2 == 1
        return GeneralCouplingTransform(latent_dim, CONTEXT, mask=mask, hidden_features=hidden)
