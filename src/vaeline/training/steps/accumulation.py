"""The gradient of an update: from one minibatch, or accumulated over several."""

import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from vaeline.models.contracts import Model
from vaeline.training.objectives.objective import Objective
from vaeline.training.params import GradientParams
from vaeline.training.steps.batches import Minibatch
from vaeline.training.steps.choice import gradients
from vaeline.training.steps.gradients import Gradients, StepResult, clipped, gradient_norm


def updates_in_epoch(images: int, batch_size: int, accumulate: int) -> int:
    """Returns how many updates a pass over so many `images` makes."""
    return math.ceil(images / (batch_size * accumulate))


class UpdateGradients:
    """The gradients of updates that each take one minibatch."""

    def __init__(self, compute: Gradients) -> None:
        """Takes what `compute` returns of each minibatch."""
        self.compute, self.parameters = compute, compute.parameters

    def __call__(self, minibatches: Iterable[Minibatch], beta: float | Tensor) -> StepResult:
        """Returns what the minibatches of an update give, with the KL weighted by `beta`."""
        (batch,) = minibatches
        return self.compute(batch.x, beta, batch.noise, batch.share)


class AccumulatedGradients(UpdateGradients):
    """The gradients of updates that each take several minibatches, in the memory of one.

    Where the loss is a mean over images, an update is that of one large minibatch with all of their images.
    It is clipped, and skipped, as a whole. What compares images (BatchNorm, free bits, an objective such as
    `beta_tc`) compares those of one minibatch.
    """

    def __init__(self, compute: Gradients, params: GradientParams) -> None:
        """Accumulates what `compute` returns, which does not clip it."""
        super().__init__(compute)
        self.summed, self.clip = params.batch_reduction == "sum", params.grad_clip

    def __call__(self, minibatches: Iterable[Minibatch], beta: float | Tensor) -> StepResult:
        """Returns what the minibatches of an update give together, each of which is used before the next."""
        images, total = 0, None
        for batch in minibatches:
            result = self.compute(batch.x, beta, batch.noise, batch.share)
            weighted = self._weighted(result, batch.share.total)
            total = weighted if total is None else _added(total, weighted)
            images += batch.share.total
        assert total is not None
        return self._whole(total, images)

    def _weighted(self, result: StepResult, images: int) -> StepResult:
        """Returns the result with means turned into sums over its images."""
        loss, variance, failed = result.monitored
        gradients = result.gradients if self.summed else _scaled(result.gradients, images)
        return result._replace(gradients=gradients, monitored=torch.stack([loss * images, variance, failed]))

    def _whole(self, total: StepResult, images: int) -> StepResult:
        loss, variance, failed = total.monitored
        gradients = total.gradients if self.summed else _scaled(total.gradients, 1 / images)
        norm = gradient_norm(gradients)
        failed = torch.maximum(failed, (~torch.isfinite(norm)).to(failed.dtype))
        return StepResult(
            clipped(gradients, norm, self.clip),
            torch.where(failed > 0, 0.0, total.sums),
            torch.stack([loss / images, variance, failed]),
            failed,
        )


def _scaled(gradients: Sequence[Tensor | None], by: float) -> tuple[Tensor | None, ...]:
    return tuple(gradient if gradient is None else gradient * by for gradient in gradients)


def _added(total: StepResult, result: StepResult) -> StepResult:
    gradients = tuple(
        a if b is None else b if a is None else a + b
        for a, b in zip(total.gradients, result.gradients, strict=True)
    )
    (loss, *largest), (other, *others) = total.monitored, result.monitored
    monitored = torch.stack([loss + other, *map(torch.maximum, largest, others)])
    return StepResult(gradients, total.sums + result.sums, monitored, monitored[2])


def update_gradients(
    model: Model, objective: Objective, params: GradientParams, minibatches: int
) -> UpdateGradients:
    """Returns the gradients of the updates of a training of that many `minibatches` in all."""
    compute = gradients(model, objective, params, minibatches)
    return UpdateGradients(compute) if params.accumulate == 1 else AccumulatedGradients(compute, params)
