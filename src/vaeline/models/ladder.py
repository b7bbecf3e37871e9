"""Several stochastic layers, inferred from the top down: the ladder VAE of Sønderby et al. (2016)."""

from itertools import pairwise
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.distributions import Distribution

from vaeline.divergences import diagonal_gaussian
from vaeline.likelihoods import LIKELIHOODS
from vaeline.models.decoding import Decoding, over_rows
from vaeline.models.inference import Layer
from vaeline.networks import NETWORKS
from vaeline.networks.mlp import MLP
from vaeline.params import Options
from vaeline.posteriors import POSTERIORS
from vaeline.posteriors.diagonal import DiagonalGaussian
from vaeline.priors import PRIORS


class LadderVAE(Decoding):
    """p(z_L) p(z_{L-1}|z_L) … p(z_1|z_2) p(x|z_1); z_1 has `latent_dim` dimensions, each next layer half.

    A deterministic pass upwards leaves at each layer what the image says of z_l. On the way down, q(z_l|·) is
    the product of that and of p(z_l|z_{l+1}): their precision-weighted combination. The uppermost layer has
    the posterior and the prior of the sections of these names; between layers all are diagonal Gaussians,
    with the options of `posterior.diagonal`.
    """

    class Options(Options):
        """Options of `model.ladder`: stochastic layers, and the units of the networks between them."""

        layers: int = Field(3, ge=2, le=8)
        hidden_dim: int = Field(100, ge=1)

    def __init__(self, section: Any, *, config: Any, shape: tuple[int, int, int], classes: int = 0) -> None:  # noqa: ARG002
        super().__init__()
        options, heads = NETWORKS.parse(config.network), POSTERIORS.parse(config.posterior)
        between = MLP(options, hidden_dim=section.ladder.hidden_dim)
        self.sizes = [max(1, config.latent_dim // 2**i) for i in range(section.ladder.layers)]
        self.latent_dim = self.sizes[0]
        self.network = NETWORKS.build(config.network, hidden_dim=config.hidden_dim)
        self.likelihood = LIKELIHOODS.build(config.likelihood, channels=shape[0])
        self.encoder, features = self.network.encoder(shape)
        self.upwards, self.seen = nn.ModuleList(), nn.ModuleList()
        for size in self.sizes[:-1]:
            self.seen.append(DiagonalGaussian(heads, features=features, latent_dim=size))
            step, features = between.encoder((1, 1, features))
            self.upwards.append(step)
        top = self.sizes[-1]
        self.posterior = POSTERIORS.build(config.posterior, features=features, latent_dim=top)
        self.prior = PRIORS.build(config.prior, latent_dim=top, recognise=self.encode, shape=shape)
        self.downwards, self.conditionals = nn.ModuleList(), nn.ModuleList()
        for below, above in pairwise(self.sizes):
            step, features = between.encoder((1, 1, above))
            self.downwards.append(step)
            self.conditionals.append(DiagonalGaussian(heads, features=features, latent_dim=below))
        outputs = self.likelihood.outputs(shape[0])
        self.decoder = self.network.decoder(self.latent_dim, (outputs, *shape[1:]))

    def below(self, x: Tensor) -> Tensor:
        """Returns what `encode` takes: x itself."""
        return x

    def encode(self, x: Tensor) -> Distribution:
        """Returns q(z_L|x) for x [B, C, H, W]: batch [B], event [d_L]."""
        return self.posterior(self._upwards(x)[-1])

    def layers(self, x: Tensor, k: int = 1) -> tuple[Layer, ...]:
        """Returns all layers, z_1 first, with k draws of each, for x [B, C, H, W] in [0, 1]."""
        *features, top = self._upwards(x)
        posterior = self.posterior(top)
        z = posterior.rsample((k,))
        layers = [Layer(posterior, self.prior(), z)]
        for level in reversed(range(len(features))):
            prior = self.given(level, z)
            posterior = _product(self.seen[level](features[level]), prior)
            z = posterior.rsample()
            layers.insert(0, Layer(posterior, prior, z))
        return tuple(layers)

    def given(self, level: int, above: Tensor) -> Distribution:
        """Returns p(z_l|z_{l+1}) for z_{l+1} [..., d_{l+1}]: batch [...], event [d_l]; `level` is l − 1."""
        return self.conditionals[level](over_rows(self.downwards[level], above))

    @torch.no_grad()
    def prior_sample(self, shape: tuple[int, ...]) -> Tensor:
        """Returns z_1 … z_L drawn from the top down, side by side, [*shape, d_1 + … + d_L]."""
        drawn = [self.prior().sample(shape)]
        for level in reversed(range(len(self.conditionals))):
            drawn.insert(0, self.given(level, drawn[0]).sample())
        return torch.cat(drawn, dim=-1)

    def joint(self, z: Tensor) -> tuple[Tensor, Distribution]:
        """Returns log p(z_1 … z_L) in nats [...], and p(x|z_1), for z side by side as they are drawn."""
        layers = z.split(self.sizes, dim=-1)
        log_p = self.prior().log_prob(layers[-1])
        for level, (below, above) in enumerate(pairwise(layers)):
            log_p = log_p + self.given(level, above).log_prob(below)
        return log_p, self.decode(layers[0])

    @torch.no_grad()
    def sample(self, n: int) -> Tensor:
        """Returns n images [n, C, H, W] in [0, 1]: the mean of p(x|z_1), z drawn from the top down."""
        return self.image(self.prior_sample((n,))[..., : self.latent_dim])

    def _upwards(self, x: Tensor) -> list[Tensor]:
        """Returns the features [B, ·] of each layer, that of z_1 first."""
        features = [self.encoder(x)]
        for step in self.upwards:
            features.append(step(features[-1]))
        return features


def _product(seen: Distribution, prior: Distribution) -> Distribution:
    """Returns the normalised product of two diagonal Gaussians."""
    a, b = (of.base_dist for of in (seen, prior))
    weights = a.scale.square().reciprocal(), b.scale.square().reciprocal()
    variance = (weights[0] + weights[1]).reciprocal()
    return diagonal_gaussian(variance * (a.loc * weights[0] + b.loc * weights[1]), variance.sqrt())
