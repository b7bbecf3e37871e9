"""The VampPrior: a mixture of the model's own posteriors."""

from collections.abc import Callable
from typing import Protocol

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.distributions import Distribution

from vaeline.core.errors import VaelineError
from vaeline.core.params import BaseOptions
from vaeline.models.contracts import EventShape, Prior
from vaeline.models.distributions.gaussians import is_diagonal_gaussian
from vaeline.models.distributions.mixtures import GaussianMixture


class VampSection(Protocol):
    """What a Vamp reads of the section `prior`."""

    @property
    def vamp(self) -> "Vamp.Options":
        """Its own options."""


class Vamp(Prior):
    """p(z) = (1/M) Σ_m q(z|u_m), with learned pseudo-inputs u_m (Tomczak & Welling 2018, equation 9).

    They start at training examples, and are not held to the range of pixels.
    """

    class Options(BaseOptions):
        """Options of `prior.vamp`."""

        components: int = Field(500, ge=1)

    log_weights: Tensor

    def __init__(
        self,
        section: VampSection,
        *,
        recognise: Callable[[Tensor], Distribution],
        event_shape: EventShape,
    ) -> None:
        super().__init__()
        self.recognise = recognise
        self.inputs = nn.Parameter(torch.rand(section.vamp.components, *event_shape))
        self.register_buffer("log_weights", torch.zeros(section.vamp.components), persistent=False)

    @torch.no_grad()
    def start_at(self, examples: Callable[[int], Tensor]) -> None:
        """Takes training examples as pseudo-inputs; raises VaelineError if there are too few."""
        try:
            self.inputs.copy_(examples(len(self.inputs)))
        except VaelineError as error:
            raise VaelineError(f"prior.vamp.components = {len(self.inputs)} is too many: {error}") from None

    def forward(self) -> Distribution:
        """Returns p(z): batch [], event [latent_dim]; raises VaelineError for other posteriors."""
        posterior = self.recognise(self.inputs)
        if not is_diagonal_gaussian(posterior):
            raise VaelineError("prior.name = 'vamp' needs posterior.name = 'diagonal'")
        base = posterior.base_dist
        return GaussianMixture(base.loc, base.scale, self.log_weights)
