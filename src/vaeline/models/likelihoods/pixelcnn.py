"""An autoregressive likelihood of pixels that are 0 or 1: each hangs on z and on the pixels before it."""

from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.distributions import Bernoulli as Coin
from torch.distributions import Distribution, constraints
from torch.utils.checkpoint import checkpoint

from vaeline.core.numerics import in_full
from vaeline.core.params import BaseOptions
from vaeline.models.likelihoods.bernoulli import Bernoulli, Coins
from vaeline.models.networks.pixelcnn import GatedPixelCNN

PIXELCNN_ROWS = 128  # images that pass the network together: their features stay in the processor's cache
DRAWN = 1024  # images that are drawn together, which have one pixel at a time there


class PixelCNN(Bernoulli):
    """p(x|z) = Π Bernoulli(x_i; d_i + f_i(x_<i, d)), d the decoder's logits and f a gated PixelCNN.

    The decoder of PixelVAE (Gulrajani et al. 2017) over that of van den Oord et al. (2016). f sees
    `layers` · ⌊`kernel`/2⌋ rows above and columns to each side. What it sees there it need not be told by z,
    so that the wider the reach, the less z is told (Chen et al. 2017, "Variational lossy autoencoder"). f
    starts at 0, where this is the Bernoulli likelihood, whose binarization it takes from
    `likelihood.bernoulli`. The channels of a pixel are independent given the pixels before.
    """

    class Options(BaseOptions):
        """Options of `likelihood.pixelcnn`: channels of its stacks; what its reach is made of."""

        channels: int = Field(8, ge=1)
        layers: int = Field(2, ge=1)
        kernel: Literal[3, 5, 7, 9] = 3

    def __init__(self, section: Any, *, channels: int = 1) -> None:
        super().__init__(section, channels=channels)
        options = section.pixelcnn.model_dump()
        self.network = GatedPixelCNN(channels, channels, condition=channels, **options)
        nn.init.zeros_(self.network.head[-1].weight)

    def forward(self, logits: Tensor) -> Distribution:
        """Returns p(x|z) for logits [K, B, C, H, W]: batch [K, B], event [C, H, W]."""
        return PixelByPixel(self.network, logits)


class PixelByPixel(Distribution):
    """Binary images [C, H, W] whose pixels are drawn in raster order, given the decoder's `logits`."""

    support = constraints.independent(constraints.boolean, 3)

    def __init__(self, network: GatedPixelCNN, logits: Tensor) -> None:
        self.network, self.logits = network, logits
        super().__init__(logits.shape[:-3], logits.shape[-3:], validate_args=False)

    def log_prob(self, value: Tensor) -> Tensor:
        """Returns Σ log p(x_i|x_<i, z) over the event, in nats."""
        shape = torch.broadcast_shapes(value.shape, self.logits.shape)
        value, logits = value.expand(shape), self.logits.expand(shape)
        return Coins(Coin(logits=self._given(value, logits), validate_args=False), 3).log_prob(value)

    @property
    def mean(self) -> Tensor:
        """An unbiased estimate of E[x|z], which has no closed form, from one draw: another at each call.

        It is each pixel's probability given the pixels that were drawn before it: the picture of one sample,
        in grey. The draw counts as constant for the gradient.
        """
        return self._given(self.sample(), self.logits).sigmoid()

    @torch.no_grad()
    def sample(self, sample_shape: torch.Size = torch.Size()) -> Tensor:  # noqa: B008
        """Returns images of 0 and 1, [*sample_shape, *batch, C, H, W], drawn pixel by pixel."""
        shape = self._extended_shape(sample_shape)
        rows = self.logits.expand(shape).reshape(-1, *self.event_shape)
        return torch.cat([self._drawn(piece) for piece in rows.split(DRAWN)]).reshape(shape)

    def _given(self, value: Tensor, logits: Tensor) -> Tensor:
        """Returns the logits of each pixel given z and those of `value` before it, of one shape."""
        rows = [_centred(value), _told(logits)]
        x, condition = (row.reshape(-1, *self.event_shape).split(PIXELCNN_ROWS) for row in rows)
        if len(x) == 1:
            said = self.network(x[0], condition[0])
        else:  # computed anew on the way back, so that memory does not grow with the draws of z
            pieces = zip(x, condition, strict=True)
            said = torch.cat([checkpoint(self.network, *piece, use_reentrant=False) for piece in pieces])
        return logits + in_full(said).reshape(logits.shape)

    def _drawn(self, logits: Tensor) -> Tensor:
        places = iter(logits.flatten(2).unbind(2))

        def step(said: Tensor) -> Tensor:
            return _centred(torch.bernoulli((next(places) + in_full(said)).sigmoid()))

        n, _, *sides = logits.shape
        return (self.network.sample(step, (n, *sides), _told(logits)) + 1) / 2


def _centred(value: Tensor) -> Tensor:
    """Returns −1 for 0 and 1 for 1: the zeros beyond the border are neither."""
    return 2 * value - 1


def _told(logits: Tensor) -> Tensor:
    """Returns what the network is told of the decoder's logits: their mean of x, −1 to 1."""
    return (logits / 2).tanh()
