"""Two stochastic layers, inferred from the image upwards: the second model of Burda et al. (2016)."""

from typing import Protocol

import torch
from pydantic import Field
from torch import Tensor
from torch.distributions import Distribution

from vaeline.core.params import BaseOptions
from vaeline.data.observations import Observations, pixels
from vaeline.models.base import LatentVariableModel, over_rows
from vaeline.models.contracts import EventShape, ModelParams
from vaeline.models.distributions.moments import moments
from vaeline.models.distributions.noise import Noise, draw, global_noise
from vaeline.models.distributions.tempering import tempered
from vaeline.models.inference import Layer
from vaeline.models.likelihoods.catalog import LIKELIHOODS
from vaeline.models.networks.catalog import NETWORKS
from vaeline.models.networks.mlp import MLP
from vaeline.models.posteriors.catalog import POSTERIORS
from vaeline.models.posteriors.diagonal import DiagonalGaussian
from vaeline.models.priors.catalog import PRIORS


class TwoLayerSection(Protocol):
    """What a TwoLayerVAE reads of the section `model`."""

    @property
    def two_layer(self) -> "TwoLayerVAE.Options":
        """Its own options."""


class TwoLayerVAE(LatentVariableModel):
    """p(z₂) p(z₁|z₂) p(x|z₁), with q(z₁|x) q(z₂|z₁); z₁ has `latent_dim` dimensions.

    Between z₁ and z₂ are fully connected networks of `model.two_layer.hidden_dim` units, and p(z₁|z₂) is a
    diagonal Gaussian. With hidden_dim 200, latent_dim 100 and network.mlp.taper 1 it is the paper's.
    """

    reads = (*LatentVariableModel.reads, "network.mlp", "posterior.diagonal")

    class Options(BaseOptions):
        """Options of `model.two_layer`: the dimensions of z₂, and the units between z₁ and z₂."""

        latent_dim: int = Field(50, ge=1)
        hidden_dim: int = Field(100, ge=1)

    def __init__(self, section: TwoLayerSection, *, config: ModelParams, event_shape: EventShape) -> None:
        super().__init__(event_shape)
        first, second = config.latent_dim, section.two_layer.latent_dim
        options = NETWORKS.parse(config.network)
        self.network = NETWORKS.build(config.network, hidden_dim=config.hidden_dim)
        between = MLP(options, hidden_dim=section.two_layer.hidden_dim)
        self.latent_dim = first
        self.likelihood = LIKELIHOODS.build(config.likelihood, event_shape=event_shape)
        self.encoder, features = self.network.encoder(event_shape)
        self.posterior = POSTERIORS.build(config.posterior, features=features, latent_dim=first)
        self.upwards, features = between.encoder((first,))
        self.posterior2 = POSTERIORS.build(config.posterior, features=features, latent_dim=second)
        self.prior = PRIORS.build(
            config.prior, latent_dim=second, recognise=self.encode2, event_shape=(first,)
        )
        self.downwards, features = between.encoder((second,))
        self.conditional = DiagonalGaussian(
            POSTERIORS.parse(config.posterior), features=features, latent_dim=first
        )
        self.decoder = self.network.decoder(first, self.likelihood.parameter_shape)

    def layers(self, x: Observations, k: int = 1, noise: Noise = global_noise) -> tuple[Layer, ...]:
        """Returns both layers with k draws of (z₁, z₂), for x [B, *event_shape] in [0, 1]."""
        posterior = self.posterior(self.encoder(pixels(x)))
        z1 = draw(posterior, (k,), noise)
        posterior2 = self.encode2(z1)
        z2 = draw(posterior2, (), noise)
        # z₂ was drawn given z₁, so that under q neither is fixed while the other varies: the KL of the first
        # layer has no closed form.
        first = Layer(posterior, self.prior1(z2), z1, closed_form=False)
        return first, Layer(posterior2, self.prior(), z2)

    def prior_inputs(self, x: Tensor) -> Tensor:
        """Returns E[z₁|x], [B, latent_dim], for x [B, *event_shape]."""
        return moments(self.posterior(self.encoder(x)))[0]

    def encode2(self, z1: Tensor) -> Distribution:
        """Returns q(z₂|z₁) for z₁ [..., latent_dim]: batch [...], event [d₂]."""
        return self.posterior2(over_rows(self.upwards, z1))

    def prior1(self, z2: Tensor) -> Distribution:
        """Returns p(z₁|z₂) for z₂ [..., d₂]: batch [...], event [latent_dim]."""
        return self.conditional(over_rows(self.downwards, z2))

    @torch.no_grad()
    def prior_sample(self, shape: tuple[int, ...], temperature: float = 1.0) -> Tensor:
        """Returns z₁ ~ p(z₁|z₂) and z₂ ~ p(z₂) side by side, [*shape, latent_dim + d₂]."""
        z2 = tempered(self.prior(), temperature).sample(shape)
        return torch.cat([tempered(self.prior1(z2), temperature).sample(), z2], dim=-1)

    def joint(self, z: Tensor) -> tuple[Tensor, Distribution]:
        """Returns log p(z₁, z₂) in nats [...], and p(x|z₁), for z₁ and z₂ side by side."""
        z1, z2 = z.tensor_split([self.latent_dim], dim=-1)
        return self.prior().log_prob(z2) + self.prior1(z2).log_prob(z1), self.decode(z1)
