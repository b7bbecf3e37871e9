"""The gradient of an objective and what an epoch counts of it: the part of a step that can be compiled."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from vaeline.data.observations import Observations
from vaeline.models.contracts import Model
from vaeline.models.distributions.noise import Noise, global_noise
from vaeline.models.running import running_statistics
from vaeline.training.objectives.objective import Objective
from vaeline.training.objectives.terms import Terms
from vaeline.training.params import GradientParams
from vaeline.training.sharing import Share


class StepResult(NamedTuple):
    """What a minibatch gave, without a gradient to it.

    Attributes:
        gradients: in each parameter; None where it plays no part.
        sums: over the examples, and zero where the step failed: how many there are, their loss, distortion,
            and the KL of each dimension; float64 [3 + terms].
        monitored: the minibatch's loss, its largest posterior variance, and `failed`; [3].
        failed: 1 where loss or gradient are not finite, else 0.
    """

    gradients: tuple[Tensor | None, ...]
    sums: Tensor
    monitored: Tensor
    failed: Tensor


def gradient_norm(gradients: Iterable[Tensor | None]) -> Tensor:
    """Returns the norm of all gradients together."""
    norms = [torch.linalg.vector_norm(gradient) for gradient in gradients if gradient is not None]
    return torch.linalg.vector_norm(torch.stack(norms))


def clipped(gradients: tuple[Tensor | None, ...], norm: Tensor, largest: float) -> tuple[Tensor | None, ...]:
    """Returns gradients of that `norm`, scaled down to the `largest` that it may be; 0 is no limit."""
    if largest == 0:
        return gradients
    factor = (largest / (norm + 1e-6)).clamp(max=1)
    return tuple(gradient if gradient is None else gradient * factor for gradient in gradients)


class Loss(nn.Module):
    """The objective of a model as one module, which is what DistributedDataParallel takes.

    With `precision` bfloat16 the networks' products are of that type, and all that is probability stays in
    float32.
    """

    __call__: Callable[..., Terms]

    def __init__(self, model: Model, objective: Objective, precision: str) -> None:
        super().__init__()
        self.model, self.objective, self.coarse = model, objective, precision == "bfloat16"

    def forward(self, x: Observations, beta: float | Tensor, noise: Noise) -> Terms:
        """Returns the objective's terms."""
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self.coarse):
            return self.objective(self.model, x, beta, noise)


class Gradients:
    """Computes the gradients of `objective` in the parameters of `model`, clipped as `params` say.

    Parameters that the objective learns itself come after the model's, and are clipped with them. Running
    statistics (BatchNorm's, an optimal variance, a codebook) stay as they were where a minibatch failed.
    """

    def __init__(self, model: Model, objective: Objective, params: GradientParams) -> None:
        objective.to(next(model.parameters()).device)
        self.loss: Callable[[Observations, float | Tensor, Noise], Terms]
        self.loss = self.whole = whole = Loss(model, objective, params.precision)
        self.summed = params.batch_reduction == "sum"
        self.clip = params.grad_clip if params.accumulate == 1 else 0.0  # else the sum over minibatches is
        self.parameters: list[Tensor] = [p for p in whole.parameters() if p.requires_grad]
        self.running = running_statistics(whole)
        self.buffers = list(whole.buffers())

    def __call__(
        self,
        x: Observations,
        beta: float | Tensor,
        noise: Noise = global_noise,
        share: Share | None = None,
    ) -> StepResult:
        """Returns what a minibatch gives.

        Args:
            x: what the model observes, [B, *event_shape].
            beta: the weight of the KL.
            noise: the noise of the model's draws.
            share: which rows of a minibatch x has; without it x is all of one.
        """
        share = share or Share.whole(len(x))
        before = [statistic.clone() for statistic in self.running]
        terms, gradients = self._differentiated(x, beta, noise, share)
        with torch.no_grad():
            sums, loss, max_variance = self._counted(terms, share)
            norm = gradient_norm(gradients)
            failed = ~torch.isfinite(norm + loss)
            gradients = clipped(gradients, norm, self.clip)
            for statistic, value in zip(self.running, before, strict=True):
                statistic.copy_(torch.where(failed, value, statistic))
            sums = torch.where(failed, 0.0, sums)
            failed = failed.to(torch.float32)
            return StepResult(gradients, sums, torch.stack([loss, max_variance, failed]), failed)

    def _differentiated(
        self, x: Observations, beta: float | Tensor, noise: Noise, share: Share
    ) -> tuple[Terms, tuple[Tensor | None, ...]]:
        terms = self.loss(x, beta, noise)
        loss = terms.loss * share.total if self.summed else terms.loss
        return terms, torch.autograd.grad(loss, self.parameters, allow_unused=True)

    def _counted(self, terms: Terms, share: Share) -> tuple[Tensor, Tensor, Tensor]:
        """Returns the sums over the minibatch, its mean loss, and its largest variance."""
        n = share.total
        counted = torch.stack([torch.full_like(terms.loss, n), terms.loss * n, terms.distortion.sum()])
        return torch.cat([counted, terms.kl.sum(0)]).double(), terms.loss, terms.max_variance
