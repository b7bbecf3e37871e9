"""The VQ-VAE of van den Oord, Vinyals & Kavukcuoglu (2017): codes, and a learned prior over them."""

from typing import Protocol

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.distributions import Distribution

from vaeline.core.errors import VaelineError
from vaeline.core.params import BaseOptions
from vaeline.data.observations import Observations, pixels
from vaeline.models.base import LatentVariableModel
from vaeline.models.contracts import EventShape, ModelParams, StartingPoint
from vaeline.models.distributions.codebook import nearest_codes, usage
from vaeline.models.distributions.codes import Assigned
from vaeline.models.distributions.noise import Noise, global_noise
from vaeline.models.distributions.numerics import in_full
from vaeline.models.distributions.tempering import tempered
from vaeline.models.inference import Layer
from vaeline.models.likelihoods.catalog import LIKELIHOODS
from vaeline.models.networks.catalog import NETWORKS
from vaeline.models.networks.init import init_weights
from vaeline.models.posteriors.catalog import POSTERIORS
from vaeline.models.priors.catalog import PRIORS
from vaeline.models.priors.codes import CodePrior

CODEBOOK_IMAGES = 1000  # training images at whose vectors the codebook starts


class VQSection(Protocol):
    """What a VQVAE reads of the section `model`."""

    @property
    def vq(self) -> "VQVAE.Options":
        """Its own options."""


class VQVAE(LatentVariableModel):
    """p(c) p(x|z(c)): an image is `side` × `side` codes, and z their vectors side by side.

    The encoder's output for x is mapped to a vector for each position, and that to the nearest of the
    codebook (section 3.1 of the paper). With one code at each position, q(z|x) = 1, the rate is −log p(c),
    and the ELBO a bound of log p(x) as any other model's. p(c) = Π_i p(c_i|c_1 … c_{i−1}) is a gated
    PixelCNN, here learned at the same time as all else: its gradient ends at the codes. (The paper fits it
    afterwards, and has a uniform one until then: a constant, `side`² · log `codes`.)

    So nothing pulls the encoder towards cheap codes, and β weighs, in the gradient, how fast p(c) is learned,
    and the commitment loss. Free bits are of a position; where they cover its rate, both have no gradient.
    The unit of z is the encoder's own: what is judged by its size, as Burda's active units, means little
    here. The sections posterior and prior, and latent_dim, are not used.
    """

    reads = ("network", "likelihood")

    class Options(BaseOptions):
        """Options of `model.vq`; `decay` is of the codebook's running means, `commitment` the paper's β."""

        codes: int = Field(64, ge=2)
        side: int = Field(4, ge=1)
        embedding_dim: int = Field(8, ge=1)
        commitment: float = Field(0.25, ge=0)
        decay: float = Field(0.99, ge=0, lt=1)
        prior_channels: int = Field(32, ge=1)
        prior_layers: int = Field(3, ge=1)

    prior: CodePrior

    def __init__(self, section: VQSection, *, config: ModelParams, event_shape: EventShape) -> None:
        super().__init__(event_shape)
        _reject_other_parts(config)
        options = section.vq
        self.cells = options.side**2, options.embedding_dim
        self.latent_dim = options.side**2 * options.embedding_dim
        self.commitment = options.commitment
        self.network = NETWORKS.build(config.network, hidden_dim=config.hidden_dim)
        self.likelihood = LIKELIHOODS.build(config.likelihood, event_shape=event_shape)
        self.encoder, features = self.network.encoder(event_shape)
        self.fc_vectors = nn.Linear(features, self.latent_dim)
        init_weights(self.fc_vectors)
        self.prior = CodePrior(options)
        self.decoder = self.network.decoder(self.latent_dim, self.likelihood.parameter_shape)

    def vectors(self, x: Tensor) -> Tensor:
        """Returns the vectors of x [B, *event_shape], to be quantised: [B, positions, embedding_dim]."""
        return in_full(self.fc_vectors(self.encoder(x))).unflatten(-1, self.cells)

    @torch.no_grad()
    def start_at(self, start: StartingPoint) -> None:
        """Starts the decoder as all models do, and the codebook at vectors of training images."""
        super().start_at(start)
        images = start.examples(min(len(start.labels), CODEBOOK_IMAGES))
        self.prior.codebook.start_at(self.vectors(images).flatten(0, 1))

    def layers(self, x: Observations, k: int = 1, noise: Noise = global_noise) -> tuple[Layer, ...]:
        """Returns q(z|x), p(z) and the one z k times, for x [B, *event_shape] in [0, 1].

        In training the codebook then moves towards x, but what is returned is by the codes before that.
        `noise` is asked for [1, B, positions], in training only, to choose where dead codes start again.
        """
        prior, vectors = self.prior(), self.vectors(pixels(x))
        codes, _ = nearest_codes(vectors, prior.table)
        posterior = Assigned(vectors, prior.table[codes], self.commitment)
        if self.training:
            self.prior.codebook.follow(vectors.detach(), codes, noise)
        return (Layer(posterior, prior, posterior.rsample((k,))),)

    def prior_sample(self, shape: tuple[int, ...], temperature: float = 1.0) -> Tensor:
        """Returns z ~ p(z), [*shape, latent_dim], code by code."""
        return tempered(self.prior(), temperature).sample(shape)

    def joint(self, z: Tensor) -> tuple[Tensor, Distribution]:
        """Returns log p(z) in nats [...], and p(x|z), for z [..., latent_dim].

        log p(z) is −∞ where z is not made of codes; p(x|z) is still the decoder's output for z.
        """
        return self.prior().log_prob(z), self.decode(z)

    def measures(self, means: Tensor) -> dict[str, float]:
        """Returns how many codes there are, and how those are used in latent `means` [N, latent_dim]."""
        table = self.prior().table.to(means.device)
        perplexity, used = usage(nearest_codes(means.unflatten(-1, self.cells), table)[0], len(table))
        return {"codes": len(table), "code_perplexity": perplexity, "codes_used": used}


def _reject_other_parts(config: ModelParams) -> None:
    for section, parsed, default in (
        ("posterior", POSTERIORS.parse(config.posterior), next(iter(POSTERIORS))),
        ("prior", PRIORS.parse(config.prior), next(iter(PRIORS))),
    ):
        if parsed.name != default:
            raise VaelineError(
                f"{section}.name = '{parsed.name}' has no meaning with model.name = 'vq', whose posterior "
                f"and prior are over codes: leave it at '{default}'"
            )
