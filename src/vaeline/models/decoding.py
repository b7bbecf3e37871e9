"""What every model has between z and the image."""

from torch import Tensor, nn
from torch.distributions import Distribution

from vaeline.numerics import in_full


class Decoding(nn.Module):
    """Base of models with p(x|z) made of a `decoder`, built by `network`, and a `likelihood`."""

    def start_at(self, mean: Tensor) -> None:
        """Lets the decoder start at the mean training image [C, H, W] in [0, 1], if so told."""
        self.network.start_at(self.decoder, self.likelihood.start(mean))

    def decode(self, z: Tensor) -> Distribution:
        """Returns p(x|z) for z [..., latent_dim]: batch [...], event [C, H, W]."""
        return self.likelihood(in_full(over_rows(self.decoder, z)))


def over_rows(network: nn.Module, z: Tensor) -> Tensor:
    """Returns `network` of every row of z [..., d]."""
    rows = network(z.reshape(-1, z.shape[-1]))
    return rows.reshape(*z.shape[:-1], *rows.shape[1:])
