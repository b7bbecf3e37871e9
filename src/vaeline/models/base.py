"""What the models of this package share: a decoder, built by a network, and a likelihood."""

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from vaeline.models.contracts import Model, Network, Prior, StartingPoint
from vaeline.models.distributions.numerics import in_full


class LatentVariableModel(Model):
    """A model whose p(x|z) is made of a `decoder`, built by `network`, and a `likelihood`.

    Attributes:
        network: the architecture that encoder and decoder are of.
        decoder: a module [B, d] → [B, *likelihood.parameter_shape].
        prior: p(z) of the uppermost layer.
    """

    network: Network
    decoder: nn.Module
    prior: Prior

    def prior_inputs(self, x: Tensor) -> Tensor:
        """Returns the inputs of the uppermost posterior for x [B, *event_shape]: here x itself."""
        return x

    @torch.no_grad()
    def start_at(self, start: StartingPoint) -> None:
        """Starts the decoder at the mean of the training data, and the prior at some of them."""
        self.network.start_at(self.decoder, self.likelihood.start(start.mean))
        self.prior.start_at(lambda count: self.prior_inputs(start.examples(count)))

    def decode(self, z: Tensor) -> Distribution:
        """Returns p(x|z) for z [..., latent_dim]: batch [...], event `event_shape`."""
        return self.likelihood(in_full(over_rows(self.decoder, z)))

    @torch.no_grad()
    def sample(self, n: int) -> Tensor:
        """Returns n observations, [n, *event_shape]: the mean of p(x|z) at z ~ p(z)."""
        return self.image(self.prior_sample((n,))[..., : self.latent_dim])

    def image(self, z: Tensor) -> Tensor:
        """Returns E[x|z], [..., *event_shape], within what values can be: some means are not bounded."""
        return self.scaling.bounded(self.decode(z).mean)


def over_rows(network: nn.Module, z: Tensor) -> Tensor:
    """Returns `network` of every row of z [..., d]."""
    rows = network(z.reshape(-1, z.shape[-1]))
    return rows.reshape(*z.shape[:-1], *rows.shape[1:])
