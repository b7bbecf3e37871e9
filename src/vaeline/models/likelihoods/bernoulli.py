"""The Bernoulli likelihood, for pixels that are 0 or 1."""

from typing import Any, ClassVar, Literal, Protocol

import torch
from pydantic import Field
from torch import Tensor
from torch.distributions import Bernoulli as Coin
from torch.distributions import Distribution, Independent
from torch.nn import functional

from vaeline.core.params import BaseOptions
from vaeline.core.scaling import BYTES, TOP_LEVEL, AnyScaling
from vaeline.data.draws import Draws
from vaeline.data.joined import joined
from vaeline.data.observations import observed
from vaeline.models.contracts import EventShape, Likelihood
from vaeline.models.distributions.numerics import sum_of_logs

BINARIZATION_CHUNK = 4096


class BernoulliSection(Protocol):
    """What a Bernoulli reads of the section `likelihood`."""

    @property
    def bernoulli(self) -> "Bernoulli.Options":
        """Its own options."""


class Bernoulli(Likelihood):
    """p(x|z) = Π Bernoulli(x_i; logits_i).

    A grey value g in 0…255 is binarized: 1 with probability g/255, a float x with probability x. `dynamic`
    draws again each time an image is used; `static` draws once (it overfits: Burda et al. 2016, appendix D);
    `grey` trains on g/255 itself, which is no likelihood, but common in examples. Bounds are always evaluated
    on binary pixels, in the one draw that `binarization_seed` fixes.
    """

    class Options(BaseOptions):
        """Options of `likelihood.bernoulli`."""

        binarization: Literal["dynamic", "static", "grey"] = "dynamic"
        binarization_seed: int = Field(0, ge=0, lt=2**63)

    kinds: ClassVar[tuple[str, ...]] = ("bytes", "range")

    def __init__(
        self, section: BernoulliSection, *, event_shape: EventShape, scaling: AnyScaling = BYTES
    ) -> None:
        super().__init__(event_shape, scaling)
        self.binarization = section.bernoulli.binarization
        self.seed = section.bernoulli.binarization_seed

    def forward(self, logits: Tensor) -> Distribution:
        """Returns p(x|z) for logits [..., *event_shape]: batch [...], event [*event_shape]."""
        return Coins(Coin(logits=logits, validate_args=False), len(self.event_shape), validate_args=False)

    def start(self, mean: Tensor) -> Tensor:
        """Returns the logits of `mean` [*event_shape], clipped to [0.001, 0.999]."""
        return torch.logit(mean, eps=1e-3)

    def training_set(self, values: Tensor) -> Tensor:
        """Returns the values [N, *event_shape] to train on: binarized once, or unchanged."""
        return self.evaluation_set(values) if self.binarization == "static" else values

    def evaluation_set(self, values: Tensor) -> Tensor:
        """Returns the binarization that bounds are evaluated on: [N, *event_shape] of 0 and 255, or 1.0."""
        generator = torch.Generator().manual_seed(self.seed)
        pieces = (_binarized(chunk, generator) for chunk in values.cpu().split(BINARIZATION_CHUNK))
        return joined(pieces, values.shape, values.dtype).to(values.device)

    def observe(self, values: Tensor, draws: Draws) -> Tensor:
        """Returns what the model observes of a minibatch [B, *event_shape]: float32 in [0, 1]."""
        if self.binarization != "dynamic":
            return observed(values)
        if values.dtype != torch.uint8:
            return (draws.uniform(values.shape) < values.to(draws.device)).float()
        return brighter(values.to(draws.device), draws.words(values.shape))


class Coins(Independent[Coin]):
    """An independent coin for each value, whose log-probability takes few passes over the logits."""

    def log_prob(self, value: Tensor) -> Tensor:
        """Returns Σ log p(x_i) over the event, in nats, with a gradient to the logits only."""
        logits = self.base_dist.logits
        # Not torch.broadcast_shapes, which imports a library of symbols for half a second.
        logits, _ = torch.broadcast_tensors(logits, value)
        return _LogProbability.apply(logits, value, len(self.event_shape))


class _LogProbability(torch.autograd.Function):
    """Σ x·l − max(l, 0) − log(1 + exp(−|l|)) over the last `dims` axes."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, x: Tensor, dims: int) -> Tensor:
        ctx.save_for_backward(logits, x)
        ctx.dims = dims
        if logits.is_cuda:  # where each pass goes through memory, and a softplus costs no more than a copy
            agreement = torch.einsum("...i,...i->...", logits.flatten(-dims), x.flatten(-dims))
            return agreement - functional.softplus(logits).flatten(-dims).sum(-1)
        cost = logits.clamp(min=0).addcmul_(x, logits, value=-1).flatten(-dims).sum(-1)
        return -(cost + sum_of_logs(logits.abs().neg_().exp_().add_(1).flatten(-dims)))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        logits, x = ctx.saved_tensors
        gradient = gradient.reshape(*gradient.shape, *[1] * ctx.dims)
        return (x - logits.sigmoid()) * gradient, None, None


def brighter(values: Tensor, words: Tensor) -> Tensor:
    """Returns 1.0 or 0.0 for uint8 `values` and uniform int16 `words` of one shape; overwrites `words`.

    1 has probability 257 g / 65,536, which is g / 255 to within 2e-5, and at 255 exactly 1.
    """
    threshold = values.to(torch.int16).mul_(257).sub_(2**15)  # wraps around, as intended
    # Compared into floats: intermediate booleans would take three times as long as all the rest.
    return torch.lt(
        words.clamp_(max=2**15 - 2), threshold, out=torch.empty(values.shape, device=words.device)
    )


def _binarized(values: Tensor, generator: torch.Generator) -> Tensor:
    """Returns 0 or the stored value that is observed as 1, in place of each of `values`."""
    uniform = torch.rand(values.shape, generator=generator)
    return (uniform.mul_(_top(values)) < values).to(values.dtype).mul_(_top(values))


def _top(values: Tensor) -> int:
    """Returns the stored value that is observed as 1."""
    return TOP_LEVEL if values.dtype == torch.uint8 else 1
