"""The Bernoulli likelihood, for pixels that are 0 or 1."""

from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.distributions import Bernoulli as Coin
from torch.distributions import Distribution, Independent

from vaeline.core.numerics import sum_of_logs
from vaeline.core.params import BaseOptions
from vaeline.data.draws import Draws
from vaeline.models.contracts import EventShape, Likelihood

BINARIZATION_CHUNK = 4096


class Bernoulli(Likelihood):
    """p(x|z) = Π Bernoulli(x_i; logits_i).

    A grey value g in 0…255 is binarized: 1 with probability g/255. `dynamic` draws anew each time an image is
    used, `static` once for all (it overfits: Burda et al. 2016, appendix D), `grey` trains on g/255 itself,
    which is not a likelihood but what many examples do. Bounds are always scored on binary pixels, the one
    draw that `binarization_seed` fixes.
    """

    class Options(BaseOptions):
        """Options of `likelihood.bernoulli`."""

        binarization: Literal["dynamic", "static", "grey"] = "dynamic"
        binarization_seed: int = Field(0, ge=0, lt=2**63)

    def __init__(self, section: Any, *, event_shape: EventShape) -> None:
        super().__init__(event_shape)
        self.binarization = section.bernoulli.binarization
        self.seed = section.bernoulli.binarization_seed

    def forward(self, logits: Tensor) -> Distribution:
        """Returns p(x|z) for logits [K, B, C, H, W]: batch [K, B], event [C, H, W]."""
        return Coins(Coin(logits=logits, validate_args=False), 3, validate_args=False)

    def start(self, mean: Tensor) -> Tensor:
        """Returns the logits [C, H, W] of a mean image [C, H, W], clipped to [0.001, 0.999]."""
        return torch.logit(mean, eps=1e-3)

    def training_set(self, images: Tensor) -> Tensor:
        """Returns the uint8 images [N, C, H, W] to train on: binarized once for all, or as they are."""
        return self.evaluation_set(images) if self.binarization == "static" else images

    def evaluation_set(self, images: Tensor) -> Tensor:
        """Returns uint8 images [N, C, H, W] of 0 and 255: the one binarization that bounds are scored on."""
        generator = torch.Generator().manual_seed(self.seed)
        drawn = torch.empty_like(images)
        for target, chunk in zip(
            drawn.split(BINARIZATION_CHUNK), images.split(BINARIZATION_CHUNK), strict=True
        ):
            target.copy_(_binarize(chunk, generator) * 255)
        return drawn

    def observe(self, images: Tensor, draws: Draws) -> Tensor:
        """Returns what the model is shown of a minibatch: uint8 [B, C, H, W] → float32 in [0, 1]."""
        return _coarsely(images, draws) if self.binarization == "dynamic" else images.float() / 255


class Coins(Independent):
    """Independent coins, one a pixel, whose log-probability is taken in a few passes over the logits."""

    def log_prob(self, value: Tensor) -> Tensor:
        """Returns Σ log p(x_i) over the event, in nats, with a gradient to the logits alone."""
        logits = self.base_dist.logits
        return _LogProbability.apply(logits.expand(torch.broadcast_shapes(logits.shape, value.shape)), value)


class _LogProbability(torch.autograd.Function):
    """Σ x·l − max(l, 0) + log σ(|l|), the last of which is −log(1 + exp(−|l|))."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, x: Tensor) -> Tensor:
        ctx.save_for_backward(logits, x)
        cost = logits.clamp(min=0).addcmul_(x, logits, value=-1).flatten(-3).sum(-1)
        return sum_of_logs(logits.abs().sigmoid_().flatten(-3)) - cost

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        logits, x = ctx.saved_tensors
        return (x - logits.sigmoid()) * gradient[..., None, None, None], None


def _coarsely(images: Tensor, draws: Draws) -> Tensor:
    """Returns each grey value as 1 or 0, drawn from words of 16 bits."""
    return brighter(images.to(draws.device), draws.words(images.shape))


def brighter(images: Tensor, words: Tensor) -> Tensor:
    """Returns 1.0 or 0.0 for uint8 `images` and uniform int16 `words` of one shape; overwrites `words`.

    1 comes with probability 257 g / 65,536, which is g / 255 to within 2e-5, and at 255 always.
    """
    threshold = images.to(torch.int16).mul_(257).sub_(2**15)  # wraps around, as is meant
    # Compared into floats: booleans in between would take three times as long as all the rest.
    return torch.lt(
        words.clamp_(max=2**15 - 2), threshold, out=torch.empty(images.shape, device=words.device)
    )


def _binarize(images: Tensor, generator: torch.Generator) -> Tensor:
    uniform = torch.rand(images.shape, generator=generator, device=generator.device)
    return (uniform * 255 < images.to(generator.device)).to(torch.float32)
