"""What every model has between z and the image."""

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from vaeline.data.prepared import Split
from vaeline.models.inference import Inference
from vaeline.numerics import in_full


class Decoding(nn.Module):
    """Base of models with p(x|z) made of a `decoder`, built by `network`, and a `likelihood`.

    `prior` is that of the uppermost layer, `below(x)` what its posterior is recognised from, and
    `layers(x, k)` the stochastic layers with k draws of each, the one that the decoder sees first.
    """

    def infer(self, x: Tensor, k: int = 1) -> Inference:
        """Returns all layers with k draws of each, and p(x|z), for x [B, C, H, W] in [0, 1]."""
        layers = self.layers(x, k)
        return Inference(layers, self.decode(layers[0].sample))

    @torch.no_grad()
    def start_at(self, train: Split) -> None:
        """Starts where the training images tell: the decoder at their mean, the prior at some of them.

        Each part does as its options say, or nothing. Raises VaelineError where there are too few images.
        """
        device = next(self.parameters()).device
        self.network.start_at(self.decoder, self.likelihood.start(torch.from_numpy(train.mean())))
        self.prior.start_at(lambda count: self.below(torch.from_numpy(train.spread(count)).to(device)))

    def image(self, z: Tensor) -> Tensor:
        """Returns E[x|z] as an image, [..., C, H, W] in [0, 1]: some likelihoods' means are not bounded."""
        return self.decode(z).mean.clamp(0, 1)

    def decode(self, z: Tensor) -> Distribution:
        """Returns p(x|z) for z [..., latent_dim]: batch [...], event [C, H, W]."""
        return self.likelihood(in_full(over_rows(self.decoder, z)))


def over_rows(network: nn.Module, z: Tensor) -> Tensor:
    """Returns `network` of every row of z [..., d]."""
    rows = network(z.reshape(-1, z.shape[-1]))
    return rows.reshape(*z.shape[:-1], *rows.shape[1:])
