"""Several stochastic layers, inferred from the top down: the ladder VAE of Sønderby et al. (2016)."""

from collections.abc import Callable
from itertools import pairwise
from typing import Protocol

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal

from vaeline.core.params import BaseOptions
from vaeline.data.observations import Observations, pixels
from vaeline.models.base import LatentVariableModel, over_rows
from vaeline.models.contracts import EventShape, ModelParams
from vaeline.models.distributions.gaussians import diagonal_gaussian
from vaeline.models.distributions.noise import Noise, draw, global_noise
from vaeline.models.distributions.tempering import tempered
from vaeline.models.inference import Inference, Layer
from vaeline.models.likelihoods.catalog import LIKELIHOODS
from vaeline.models.networks.catalog import NETWORKS
from vaeline.models.networks.mlp import MLP
from vaeline.models.posteriors.catalog import POSTERIORS
from vaeline.models.posteriors.diagonal import DiagonalGaussian
from vaeline.models.priors.catalog import PRIORS


class LadderSection(Protocol):
    """What a LadderVAE reads of the section `model`."""

    @property
    def ladder(self) -> "LadderVAE.Options":
        """Its own options."""


class LadderVAE(LatentVariableModel):
    """p(z_L) p(z_{L-1}|z_L) … p(z_1|z_2) p(x|z_1); z_1 has `latent_dim` dimensions, each next layer half.

    A deterministic pass upwards gives at each layer the evidence of the image about z_l. On the way down,
    q(z_l|·) is the product of that and of p(z_l|z_{l+1}): their precision-weighted combination. The uppermost
    layer has the posterior and the prior of the sections of these names; between layers all are diagonal
    Gaussians, with the options of `posterior.diagonal`.

    With `skip`, the features that lead down to z_l bypass it as well: p(z_l|z_{l+1} … z_L) and p(x|z_1 …
    z_L), as in BIVA (Maaløe et al. 2019) and NVAE (Vahdat & Kautz 2020). The decoder then takes all layers,
    and the model's own `latent_dim` is the number of dimensions of all.
    """

    reads = (*LatentVariableModel.reads, "network.mlp", "posterior.diagonal")

    class Options(BaseOptions):
        """Options of `model.ladder`: stochastic layers, units of the networks between them, and skips."""

        layers: int = Field(3, ge=2, le=8)
        hidden_dim: int = Field(100, ge=1)
        skip: bool = False

    def __init__(self, section: LadderSection, *, config: ModelParams, event_shape: EventShape) -> None:
        super().__init__(event_shape)
        options, heads = NETWORKS.parse(config.network), POSTERIORS.parse(config.posterior)
        between = MLP(options, hidden_dim=section.ladder.hidden_dim)
        self.sizes = [max(1, config.latent_dim // 2**i) for i in range(section.ladder.layers)]
        self.skip = section.ladder.skip
        self.latent_dim = sum(self.sizes) if self.skip else self.sizes[0]
        self.network = NETWORKS.build(config.network, hidden_dim=config.hidden_dim)
        self.likelihood = LIKELIHOODS.build(config.likelihood, event_shape=event_shape)
        self.encoder, features = self.network.encoder(event_shape)
        self.upwards, self.seen = nn.ModuleList(), nn.ModuleList()
        for size in self.sizes[:-1]:
            self.seen.append(DiagonalGaussian(heads, features=features, latent_dim=size))
            step, features = between.encoder((features,))
            self.upwards.append(step)
        top = self.sizes[-1]
        self.posterior = POSTERIORS.build(config.posterior, features=features, latent_dim=top)
        self.prior = PRIORS.build(
            config.prior, latent_dim=top, recognise=self.encode, event_shape=event_shape
        )
        self.downwards, self.conditionals = nn.ModuleList(), nn.ModuleList()
        bypassing = 0  # features that bypass a layer
        for above, below in pairwise(self.sizes[::-1]):
            step, features = between.encoder((above + bypassing,))
            self.downwards.insert(0, step)
            self.conditionals.insert(0, DiagonalGaussian(heads, features=features, latent_dim=below))
            bypassing = features if self.skip else 0
        self.decoder = self.network.decoder(self.sizes[0] + bypassing, self.likelihood.parameter_shape)

    def encode(self, x: Tensor) -> Distribution:
        """Returns q(z_L|x) for x [B, *event_shape]: batch [B], event [d_L]."""
        return self.posterior(self.features(x)[-1])

    def layers(self, x: Observations, k: int = 1, noise: Noise = global_noise) -> tuple[Layer, ...]:
        """Returns all layers, z_1 first, with k draws of each, for x [B, *event_shape] in [0, 1].

        The noise of z_L is asked for first, that of z_1 last.
        """
        *features, top = self.features(pixels(x))
        posterior = self.posterior(top)
        layers = [Layer(posterior, self.prior(), draw(posterior, (k,), noise))]

        # Its annotation is text, since the compiler, which reads it here, knows no subscripted classes.
        def infer(level: int, prior: "Independent[Normal]") -> Tensor:
            posterior = _product(self.seen[level](features[level]), prior)
            layers.insert(0, Layer(posterior, prior, draw(posterior, (), noise)))
            return layers[0].sample

        self.descend(layers[0].sample, infer)
        return tuple(layers)

    def infer(self, x: Observations, k: int = 1, noise: Noise = global_noise) -> Inference:
        """Returns all layers with k draws of each, and p(x|z), for x [B, *event_shape] in [0, 1]."""
        layers = self.layers(x, k, noise)
        z = torch.cat([layer.sample for layer in layers], dim=-1)
        return Inference(layers, self.decode(z[..., : self.latent_dim]))

    def decode(self, z: Tensor) -> Distribution:
        """Returns p(x|z) for z [..., latent_dim], all layers side by side with `skip`, else z_1 alone."""
        if not self.skip:
            return super().decode(z)
        layers = z.split(self.sizes, dim=-1)
        _, features = self.descend(layers[-1], lambda level, _: layers[level])
        return super().decode(torch.cat([layers[0], features], dim=-1))

    @torch.no_grad()
    def prior_sample(self, shape: tuple[int, ...], temperature: float = 1.0) -> Tensor:
        """Returns z_1 … z_L drawn from the top down, side by side, [*shape, d_1 + … + d_L]."""
        top = tempered(self.prior(), temperature).sample(shape)
        layers, _ = self.descend(top, lambda _, prior: tempered(prior, temperature).sample())
        return torch.cat(layers, dim=-1)

    def joint(self, z: Tensor) -> tuple[Tensor, Distribution]:
        """Returns log p(z_1 … z_L) in nats [...], and p(x|z), for all z side by side."""
        layers = z.split(self.sizes, dim=-1)
        log_p = self.prior().log_prob(layers[-1])

        def given(level: int, prior: "Independent[Normal]") -> Tensor:
            nonlocal log_p
            log_p = log_p + prior.log_prob(layers[level])
            return layers[level]

        self.descend(layers[-1], given)
        return log_p, self.decode(z[..., : self.latent_dim])

    def descend(
        self, top: Tensor, choose: Callable[[int, Independent[Normal]], Tensor]
    ) -> tuple[list[Tensor], Tensor]:
        """Goes down from z_L [..., d_L], taking z_l = `choose(l − 1, p(z_l|·))` at each further layer.

        Returns all z, z_1 first, and the features [..., ·] that led to z_1.
        """
        z, above = [top], top
        for level in reversed(range(len(self.conditionals))):
            features = over_rows(self.downwards[level], above)
            z.insert(0, choose(level, self.conditionals[level](features)))
            above = torch.cat([z[0], features], dim=-1) if self.skip else z[0]
        return z, features

    def features(self, x: Tensor) -> list[Tensor]:
        """Returns the features [B, ·] of each layer, that of z_1 first."""
        features = [self.encoder(x)]
        for step in self.upwards:
            features.append(step(features[-1]))
        return features


def _product(evidence: Independent[Normal], prior: Independent[Normal]) -> Independent[Normal]:
    """Returns the normalised product of two diagonal Gaussians."""
    a, b = evidence.base_dist, prior.base_dist
    weights = a.scale.square().reciprocal(), b.scale.square().reciprocal()
    variance = (weights[0] + weights[1]).reciprocal()
    return diagonal_gaussian(variance * (a.loc * weights[0] + b.loc * weights[1]), variance.sqrt())
