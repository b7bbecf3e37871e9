"""An update: gradients of its minibatches, and what the optimizer and the average make of them."""

from collections.abc import Callable, Iterable, Sequence

from torch import Tensor

from vaeline.training.state import Training
from vaeline.training.steps.accumulation import UpdateGradients
from vaeline.training.steps.batches import Batches, Minibatch, MinibatchRows
from vaeline.training.steps.gradients import StepResult


class Update:
    """The updates of a training, each of minibatches that `batches` makes."""

    def __init__(self, training: Training, batches: Batches, compute: UpdateGradients) -> None:
        """Updates what `training` trains by the gradients that `compute` returns."""
        self.training, self.batches, self.compute = training, batches, compute

    def __call__(self, minibatches: Sequence[MinibatchRows], beta: float) -> StepResult:
        """Updates the weights, unless the gradients are not finite, and returns what the minibatches gave."""
        made = map(self.batches.minibatch, minibatches)
        result = self._moved(made, beta, self.training.optimizer.update)
        self.training.step += 1
        return result

    def _moved(
        self, minibatches: Iterable[Minibatch], beta: float | Tensor, move: Callable[[], None]
    ) -> StepResult:
        """Moves the weights by what the optimizer's `move` makes of the gradients."""
        result = self.compute(minibatches, beta)
        for parameter, gradient in zip(self.compute.parameters, result.gradients, strict=True):
            parameter.grad = gradient
        # The hook of mixed-precision training: where found_inf is 1 an update does nothing, on the device
        # itself, without waiting for it.
        self.training.optimizer.found_inf = result.failed
        move()
        if self.training.average:
            self.training.average.update(self.training.model)
        return result
