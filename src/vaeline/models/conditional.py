"""The conditional VAE: encoder and decoder are given the image's label."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.distributions import Distribution
from torch.nn.functional import one_hot

from vaeline.core.errors import VaelineError
from vaeline.data.observations import Labelled, Observations, pixels
from vaeline.models.base import LatentVariableModel, over_rows
from vaeline.models.contracts import EventShape, Generative, ModelParams, StartingPoint
from vaeline.models.distributions.noise import Noise, draw, global_noise
from vaeline.models.distributions.numerics import in_full
from vaeline.models.distributions.tempering import tempered
from vaeline.models.inference import Layer
from vaeline.models.likelihoods.catalog import LIKELIHOODS
from vaeline.models.networks.catalog import NETWORKS
from vaeline.models.posteriors.catalog import POSTERIORS
from vaeline.models.priors.catalog import PRIORS


class ConditionalVAE(LatentVariableModel):
    """p(z) p(x|z, y) with q(z|x, y), for labels y that the data set has: bounds are on log p(x|y).

    The conditional model of Sohn, Lee & Yan (2015) with a prior that does not depend on y, so that z is left
    with what the label does not say (Kingma et al. 2014, their M2 with y observed). The encoder takes y as
    one more channel, the decoder beside z. An image without a label is encoded with that channel blank, and a
    z without one is decoded with a label drawn as often as training images have it.
    """

    shares: Tensor

    def __init__(self, *, config: ModelParams, event_shape: EventShape, classes: int) -> None:
        super().__init__(event_shape)
        if classes < 2:
            raise VaelineError("model.name = 'conditional' needs a data set with labels: use model.name=vae")
        channels, *size = event_shape
        self.classes, self.size = classes, size
        self.network = NETWORKS.build(config.network, hidden_dim=config.hidden_dim)
        self.latent_dim = config.latent_dim
        self.likelihood = LIKELIHOODS.build(config.likelihood, event_shape=event_shape)
        self.prior = PRIORS.build(
            config.prior, latent_dim=config.latent_dim, recognise=self.encode, event_shape=event_shape
        )
        self.plane = nn.Embedding(classes, math.prod(size))
        nn.init.zeros_(self.plane.weight)  # N(0, 1), its default, is noise that drowns the image
        self.encoder, features = self.network.encoder((channels + 1, *size))
        self.posterior = POSTERIORS.build(config.posterior, features=features, latent_dim=config.latent_dim)
        self.decoder = self.network.decoder(config.latent_dim + classes, self.likelihood.parameter_shape)
        self.register_buffer("shares", torch.full((classes,), 1 / classes))

    @torch.no_grad()
    def start_at(self, start: StartingPoint) -> None:
        """Starts where the training images tell, and learns how often they have each label."""
        super().start_at(start)
        self.shares.copy_(torch.bincount(start.labels, minlength=self.classes) / len(start.labels))

    def encode(self, x: Observations) -> Distribution:
        """Returns q(z|x, y) for x [B, *event_shape] with its labels: batch [B], event [latent_dim]."""
        images = pixels(x)
        plane = self.plane(x.labels) if isinstance(x, Labelled) else images.new_zeros(len(x), *self.size)
        return self.posterior(self.encoder(torch.cat([images, plane.reshape(-1, 1, *self.size)], 1)))

    def layers(self, x: Observations, k: int = 1, noise: Noise = global_noise) -> tuple[Layer, ...]:
        """Returns q(z|x, y), p(z) and k draws z ~ q(z|x, y), for x [B, *event_shape] in [0, 1]."""
        posterior = self.encode(x)
        return (Layer(posterior, self.prior(), draw(posterior, (k,), noise)),)

    def conditioned(self, x: Observations) -> Generative:
        """Returns p(x, z|y) for the labels y of x."""
        return Conditioned(self, x.labels) if isinstance(x, Labelled) else self

    def decode(self, z: Tensor, y: Tensor | None = None) -> Distribution:
        """Returns p(x|z, y) for z [..., latent_dim] and labels [...], or drawn ones."""
        y = self.draw_labels(z.shape[:-1]) if y is None else y.expand(z.shape[:-1])
        # As long as z is under the prior: beside a mere 1 among many coordinates, z would go on telling what
        # the label says (29 % of samples were of the class asked for instead of 80 %, in the zoo's budget).
        label = one_hot(y, self.classes).to(z.dtype) * math.sqrt(self.latent_dim)
        return self.likelihood(in_full(over_rows(self.decoder, torch.cat([z, label], -1))))

    def prior_sample(self, shape: tuple[int, ...], temperature: float = 1.0) -> Tensor:
        """Returns z ~ p(z), [*shape, latent_dim], without a gradient."""
        return tempered(self.prior(), temperature).sample(shape)

    def joint(self, z: Tensor, y: Tensor | None = None) -> tuple[Tensor, Distribution]:
        """Returns log p(z) in nats [...], and p(x|z, y), for z [..., latent_dim] and labels [...]."""
        return self.prior().log_prob(z), self.decode(z, y)

    @torch.no_grad()
    def sample(self, n: int, y: Tensor | int | None = None) -> Tensor:
        """Returns n images [n, *event_shape] in [0, 1]: the mean of p(x|z, y) at z ~ p(z).

        Args:
            n: how many.
            y: a label, or one for each image, [n]; without it, labels are drawn.

        Raises:
            VaelineError: for a label that the data set does not have.
        """
        z = self.prior_sample((n,))
        if y is not None:
            y = torch.as_tensor(y, device=z.device)
            if not ((y >= 0) & (y < self.classes)).all():
                raise VaelineError(f"labels are 0 to {self.classes - 1}, not {y.tolist()}")
        return self.decode(z, y).mean.clamp(0, 1)

    def draw_labels(self, shape: torch.Size) -> Tensor:
        """Returns labels of that shape, each drawn as often as training images have it."""
        return torch.multinomial(self.shares, shape.numel(), replacement=True).reshape(shape)


@dataclass(frozen=True)
class Conditioned:
    """A conditional model with fixed labels [B]: those of the last batch axis of any z."""

    model: ConditionalVAE
    labels: Tensor

    def decode(self, z: Tensor) -> Distribution:
        """Returns p(x|z, y) for z [..., B, latent_dim]."""
        return self.model.decode(z, self.labels)

    def joint(self, z: Tensor) -> tuple[Tensor, Distribution]:
        """Returns log p(z) in nats [..., B], and p(x|z, y), for z [..., B, latent_dim]."""
        return self.model.joint(z, self.labels)
