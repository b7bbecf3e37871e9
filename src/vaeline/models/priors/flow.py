"""A normalising flow as prior."""

from typing import Protocol

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.distributions import Distribution

from vaeline.core.params import BaseOptions
from vaeline.models.contracts import Prior
from vaeline.models.distributions.flows import Flow
from vaeline.models.distributions.gaussians import diagonal_gaussian


class FlowSection(Protocol):
    """What a FlowPrior reads of the section `prior`."""

    @property
    def flow(self) -> "FlowPrior.Options":
        """Its own options."""


class FlowPrior(Prior):
    """N(0, I) through masked autoregressive steps (Papamakarios et al. 2017), each with the order reversed.

    As prior of a VAE: Huang et al. (2017), Chen et al. (2017). Its density takes one pass; a draw takes one a
    dimension. The networks are zuko's.
    """

    class Options(BaseOptions):
        """Options of `prior.flow`: the number of steps, and the units of the two hidden layers of each."""

        steps: int = Field(2, ge=1)
        hidden_dim: int = Field(64, ge=1)

    loc: Tensor
    scale: Tensor

    def __init__(self, section: FlowSection, *, latent_dim: int) -> None:
        from zuko.flows.autoregressive import MaskedAutoregressiveTransform  # only where it is needed

        super().__init__()
        options = section.flow
        order = torch.arange(latent_dim)
        self.steps = nn.ModuleList(
            MaskedAutoregressiveTransform(
                latent_dim,
                order=order.flip(0) if i % 2 else order,
                hidden_features=[options.hidden_dim] * 2,
            )
            for i in range(options.steps)
        )
        self.register_buffer("loc", torch.zeros(latent_dim), persistent=False)
        self.register_buffer("scale", torch.ones(latent_dim), persistent=False)

    def forward(self) -> Distribution:
        """Returns p(z): batch [], event [latent_dim]."""
        return Flow(diagonal_gaussian(self.loc, self.scale), [step().inv for step in self.steps])
