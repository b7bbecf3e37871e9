"""Updates on a GPU as CUDA graphs: captured once, and replayed for each minibatch of that many images.

A small update is some hundred kernels of a few microseconds each. Launched one by one from Python they would
take several times as long as the GPU needs for them.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from vaeline.core.errors import VaelineError, first_line
from vaeline.runtime import processes
from vaeline.training.optimizers.skipping import DeviceNumber
from vaeline.training.params import TrainingParams
from vaeline.training.state import Training
from vaeline.training.steps.accumulation import UpdateGradients, update_gradients
from vaeline.training.steps.batches import Batches, MinibatchRows
from vaeline.training.steps.gradients import StepResult
from vaeline.training.steps.updates import Update
from vaeline.training.steps.waiting import host_waits

FIRST_UPDATES = 2  # of a size, uncaptured: state, workspaces and kernels are made
REFRESHES = 0  # what refreshes are counted under, beside the sizes of minibatches

Capture = Callable[[Callable[[], None], Iterable[torch.Generator]], Callable[[], None]]
"""Records work, which may draw from these generators, and returns what does it again."""


def cuda_graph(work: Callable[[], None], generators: Iterable[torch.Generator]) -> Callable[[], None]:
    """Captures `work` as a CUDA graph, without doing it.

    Raises:
        VaelineError: where it does what a graph cannot, such as waiting for the device.
    """
    graph = torch.cuda.CUDAGraph()
    for generator in generators:
        graph.register_generator_state(generator)
    try:
        # A stream of its own: cuBLAS has a workspace for each, and graphs with one workspace cannot overlap.
        with torch.cuda.graph(graph, stream=torch.cuda.Stream()):
            work()
    except RuntimeError as error:
        raise VaelineError(
            f"compile: the update cannot be captured as a CUDA graph ({first_line(error)}): "
            "`dvc exp run -S compile=never`"
        ) from error
    replay: Callable[[], None] = graph.replay
    return replay


class _Recorded(NamedTuple):
    """A captured update, the memory that it takes its images' indices from, and what holds its result."""

    replay: Callable[[], None]
    indices: Tensor
    result: StepResult


class CapturedUpdate(Update):
    """The same updates, bit for bit, of one minibatch each.

    The first ones of each size are done as ever. If they wait for the device, all others are too.
    """

    def __init__(
        self, training: Training, batches: Batches, compute: UpdateGradients, capture: Capture = cuda_graph
    ) -> None:
        super().__init__(training, batches, compute)
        self._capture, self._recorded = capture, dict[int, _Recorded]()
        self._beta, self._done = DeviceNumber(batches.device), Counter[int]()
        self._refresh: Callable[[], None] | None = None
        self._waits = False

    def __call__(self, minibatches: Sequence[MinibatchRows], beta: float) -> StepResult:
        """Updates the weights, and returns what the minibatch gave; its gradients are not for use."""
        (rows,) = minibatches
        count = len(rows.indices)
        self._done[count] += 1
        if self._waits or self._done[count] < FIRST_UPDATES:
            return super().__call__(minibatches, beta)
        if self._done[count] == FIRST_UPDATES:
            return self._watched(minibatches, beta)
        return self._replayed(rows, beta)

    def _watched(self, minibatches: Sequence[MinibatchRows], beta: float) -> StepResult:
        """Does an update as ever, and finds out whether it waits for the device."""
        with host_waits(self.batches.device) as waits:
            result = super().__call__(minibatches, beta)
        if waits:
            self._waits = True
            print(f"train: updates are not captured as a CUDA graph: they wait for the GPU ({waits[0]})")
        return result

    def _replayed(self, rows: MinibatchRows, beta: float) -> StepResult:
        self._beta.set(beta)
        generators = self.batches.generators(rows)
        optimizer = self.training.optimizer
        optimizer.prepare()
        recorded = self._recorded.get(len(rows.indices))
        if recorded is None:
            recorded = self._recorded[len(rows.indices)] = self._record(rows, generators)
        recorded.indices.copy_(rows.indices)
        recorded.replay()
        if optimizer.refresh_due:
            self._refreshed()
        self.training.step += 1
        # What is read later must not be what the next replay overwrites.
        sums, monitored, failed = (tensor.clone() for tensor in recorded.result[1:])
        return StepResult((), sums, monitored, failed)

    def _refreshed(self) -> None:
        self._done[REFRESHES] += 1
        if self._done[REFRESHES] < FIRST_UPDATES:
            self.training.optimizer.refresh()
            return
        self._refresh = self._refresh or self._capture(self.training.optimizer.refresh, ())
        self._refresh()

    def _record(self, rows: MinibatchRows, generators: list[torch.Generator]) -> _Recorded:
        indices, results = rows.indices.clone(), list[StepResult]()

        def update() -> None:
            batch = self.batches.observed(indices, generators)
            results.append(self._moved([batch], self._beta.tensor, self.training.optimizer.move))

        replay = self._capture(update, generators)
        return _Recorded(replay, indices, results[0])


def updates_of(training: Training, batches: Batches, params: TrainingParams, minibatches: int) -> Update:
    """Returns the updates of a training of that many `minibatches` in all.

    On a GPU they are captured, unless `params.compile` is "never", or the training is one that graphs do not
    know: of several processes, of several minibatches an update, of images that do not fit on the GPU, or
    with an optimizer that waits for the device.
    """
    compute = update_gradients(training.model, training.objective, params, minibatches)
    here = batches.device.type == "cuda" and batches.images.device.type == "cuda" and processes.size() == 1
    capturable = params.accumulate == 1 and training.optimizer.capturable
    captured = here and capturable and params.compile != "never"
    return (CapturedUpdate if captured else Update)(training, batches, compute)
