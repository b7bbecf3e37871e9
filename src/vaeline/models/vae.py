"""The variational autoencoder of Kingma & Welling (2014): one stochastic layer."""

from torch import Tensor
from torch.distributions import Distribution

from vaeline.data.observations import Observations, pixels
from vaeline.models.base import LatentVariableModel
from vaeline.models.contracts import EventShape, ModelParams
from vaeline.models.distributions.noise import Noise, draw, global_noise
from vaeline.models.distributions.tempering import tempered
from vaeline.models.inference import Layer
from vaeline.models.likelihoods.catalog import LIKELIHOODS
from vaeline.models.networks.catalog import NETWORKS
from vaeline.models.posteriors.catalog import POSTERIORS
from vaeline.models.priors.catalog import PRIORS


class VAE(LatentVariableModel):
    """p(z) p(x|z) with an amortised posterior q(z|x)."""

    def __init__(self, *, config: ModelParams, event_shape: EventShape) -> None:
        super().__init__(event_shape)
        self.network = NETWORKS.build(config.network, hidden_dim=config.hidden_dim)
        self.latent_dim = config.latent_dim
        self.likelihood = LIKELIHOODS.build(config.likelihood, event_shape=event_shape)
        self.prior = PRIORS.build(
            config.prior, latent_dim=config.latent_dim, recognise=self.encode, event_shape=event_shape
        )
        self.encoder, features = self.network.encoder(event_shape)
        self.posterior = POSTERIORS.build(config.posterior, features=features, latent_dim=config.latent_dim)
        self.decoder = self.network.decoder(config.latent_dim, self.likelihood.parameter_shape)

    def encode(self, x: Tensor) -> Distribution:
        """Returns q(z|x) for x [B, *event_shape]: batch [B], event [latent_dim]."""
        return self.posterior(self.encoder(x))

    def layers(self, x: Observations, k: int = 1, noise: Noise = global_noise) -> tuple[Layer, ...]:
        """Returns q(z|x), p(z) and k draws z ~ q(z|x), for x [B, *event_shape] in [0, 1]."""
        posterior = self.encode(pixels(x))
        return (Layer(posterior, self.prior(), draw(posterior, (k,), noise)),)

    def prior_sample(self, shape: tuple[int, ...], temperature: float = 1.0) -> Tensor:
        """Returns z ~ p(z), [*shape, latent_dim], without a gradient."""
        return tempered(self.prior(), temperature).sample(shape)

    def joint(self, z: Tensor) -> tuple[Tensor, Distribution]:
        """Returns log p(z) in nats [...], and p(x|z), for z [..., latent_dim]."""
        return self.prior().log_prob(z), self.decode(z)
