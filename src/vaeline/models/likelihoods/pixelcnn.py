"""An autoregressive likelihood of pixels that are 0 or 1: each depends on z and on the pixels before it."""

from collections.abc import Sequence
from typing import ClassVar, Literal, Protocol

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.distributions import Bernoulli as Coin
from torch.distributions import Distribution, constraints
from torch.utils.checkpoint import checkpoint

from vaeline.core.params import BaseOptions
from vaeline.core.scaling import BYTES, AnyScaling
from vaeline.models.contracts import EventShape, image_shape
from vaeline.models.distributions.numerics import in_full
from vaeline.models.likelihoods.bernoulli import Bernoulli, BernoulliSection, Coins
from vaeline.models.networks.init import output_layer
from vaeline.models.networks.pixelcnn import GatedPixelCNN

PIXELCNN_ROWS = 128  # images that pass the network together: their features stay in the processor's cache
DRAWN = 1024  # images that are drawn together, whose features are of one pixel at a time


class PixelCNNSection(BernoulliSection, Protocol):
    """What a PixelCNN reads of the section `likelihood`."""

    @property
    def pixelcnn(self) -> "PixelCNN.Options":
        """Its own options."""


class PixelCNN(Bernoulli):
    """p(x|z) = Π Bernoulli(x_i; d_i + f_i(x_<i, d)), d the decoder's logits and f a gated PixelCNN.

    The decoder of PixelVAE (Gulrajani et al. 2017) over that of van den Oord et al. (2016). f sees
    `layers` · ⌊`kernel`/2⌋ rows above and columns to each side. What f sees there, z need not encode: the
    wider the reach, the less z encodes (Chen et al. 2017, "Variational lossy autoencoder"). f starts at 0,
    where this is the Bernoulli likelihood; the binarization is that of `likelihood.bernoulli`. The channels
    of a pixel are independent given the pixels before.
    """

    class Options(BaseOptions):
        """Options of `likelihood.pixelcnn`: channels of its stacks; its layers and kernel set the reach."""

        channels: int = Field(8, ge=1)
        layers: int = Field(2, ge=1)
        kernel: Literal[3, 5, 7, 9] = 3

    kinds: ClassVar[tuple[str, ...]] = ("bytes",)

    def __init__(
        self, section: PixelCNNSection, *, event_shape: EventShape, scaling: AnyScaling = BYTES
    ) -> None:
        super().__init__(section, event_shape=event_shape, scaling=scaling)
        channels, *_ = image_shape(event_shape, "likelihood.name = 'pixelcnn'", "bernoulli")
        options = section.pixelcnn.model_dump()
        self.network = GatedPixelCNN(channels, channels, condition=channels, **options)
        nn.init.zeros_(output_layer(self.network).weight)

    def forward(self, logits: Tensor) -> Distribution:
        """Returns p(x|z) for logits [..., C, H, W]: batch [...], event [C, H, W]."""
        return PixelByPixel(self.network, logits)


class PixelByPixel(Distribution):
    """Binary images [C, H, W] whose pixels are drawn in raster order, given the decoder's `logits`."""

    support = constraints.independent(constraints.boolean, 3)

    def __init__(self, network: GatedPixelCNN, logits: Tensor) -> None:
        self.network, self.logits = network, logits
        super().__init__(logits.shape[:-3], logits.shape[-3:], validate_args=False)

    def log_prob(self, value: Tensor) -> Tensor:
        """Returns Σ log p(x_i|x_<i, z) over the event, in nats."""
        conditional = self.conditional_logits(value)
        value = value.expand(conditional.shape)
        return Coins(Coin(logits=conditional, validate_args=False), 3).log_prob(value)

    @property
    def mean(self) -> Tensor:
        """An unbiased estimate of E[x|z], which has no closed form, from one draw: it differs at each call.

        It is each pixel's probability given the pixels that were drawn before it: a sample in grey values.
        The draw counts as constant in the gradient.
        """
        return self.conditional_logits(self.sample()).sigmoid()

    @torch.no_grad()
    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Returns images of 0 and 1, [*sample_shape, *batch, C, H, W], drawn pixel by pixel."""
        shape = self._extended_shape(torch.Size(sample_shape))
        rows = self.logits.expand(shape).reshape(-1, *self.event_shape)
        return torch.cat([self._drawn(piece) for piece in rows.split(DRAWN)]).reshape(shape)

    def conditional_logits(self, value: Tensor) -> Tensor:
        """Returns the logits of each pixel given z and the pixels of `value` before it."""
        shape = torch.broadcast_shapes(value.shape, self.logits.shape)
        value, logits = value.expand(shape), self.logits.expand(shape)
        rows = [_centred(value), _condition(logits)]
        x, condition = (row.reshape(-1, *self.event_shape).split(PIXELCNN_ROWS) for row in rows)
        if len(x) == 1:
            change = self.network(x[0], condition[0])
        else:  # recomputed in the backward pass, so that memory does not grow with the draws of z
            pieces = zip(x, condition, strict=True)
            change = torch.cat([checkpoint(self.network, *piece, use_reentrant=False) for piece in pieces])
        return logits + in_full(change).reshape(logits.shape)

    def _drawn(self, logits: Tensor) -> Tensor:
        pixels = iter(logits.flatten(2).unbind(2))

        def step(change: Tensor) -> Tensor:
            return _centred(torch.bernoulli((next(pixels) + in_full(change)).sigmoid()))

        n, _, height, width = logits.shape
        return (self.network.sample(step, (n, height, width), _condition(logits)) + 1) / 2


def _centred(value: Tensor) -> Tensor:
    """Returns −1 for 0 and 1 for 1, so that both differ from the zeros beyond the border."""
    return 2 * value - 1


def _condition(logits: Tensor) -> Tensor:
    """Returns what the network receives of the decoder's logits: their mean of x, from −1 to 1."""
    return (logits / 2).tanh()
