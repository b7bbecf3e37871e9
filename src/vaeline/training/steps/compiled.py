"""The gradient of a step as one compiled function."""

import copy
import logging
import sys
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor
from torch.func import functional_call
from tqdm import tqdm

from vaeline.data.observations import Labelled, Observations, as_tensors, from_tensors
from vaeline.evaluation.compiling.module import ModuleLibrary, why_not
from vaeline.models.contracts import Model
from vaeline.models.distributions.noise import Noise, RequestedNoise, global_noise, in_order
from vaeline.training.objectives.objective import Objective
from vaeline.training.params import GradientParams
from vaeline.training.sharing import Share
from vaeline.training.steps.gradients import Gradients, StepResult

PreparedStep = Callable[[Observations, Tensor, Sequence[Tensor]], StepResult]
"""A step of a minibatch, β, and the noise that it will ask for."""


class CompiledGradients(Gradients):
    """The same as one compiled function, for minibatches of `params.batch_size`; the last may be smaller.

    The noise is drawn before each call: one uncompiled call tells what the model asks for. Where compiling is
    not possible (no C++ compiler is there, or an objective that cannot be traced) one line says so, and the
    steps run uncompiled, with the same noise.
    """

    def __init__(self, model: Model, objective: Objective, params: GradientParams) -> None:
        super().__init__(model, objective, params)
        self.batch_size = params.batch_size
        self.device = next(model.parameters()).device
        self.possible = True
        self._requested = RequestedNoise()
        self._step: PreparedStep | None = None

    def __call__(
        self,
        x: Observations,
        beta: float | Tensor,
        noise: Noise = global_noise,
        share: Share | None = None,
    ) -> StepResult:
        """Returns what `Gradients` would, see there."""
        if not self.possible or len(x) != self.batch_size:
            return super().__call__(x, beta, noise, share)
        # A number would be compiled in; and what was compiled for a β on the CPU cannot be captured.
        beta = beta if isinstance(beta, Tensor) else torch.full((), beta, device=self.device)
        if self._step is None:
            return self._first(x, beta, noise)
        return self._step(x, beta, self._requested.prepared(noise))

    def with_prepared(self, x: Observations, beta: Tensor, prepared: Sequence[Tensor]) -> StepResult:
        """Returns what the minibatch gives with the noise that it asks for, uncompiled."""
        return super().__call__(x, beta, in_order(prepared))

    def _first(self, x: Observations, beta: Tensor, noise: Noise) -> StepResult:
        self._request(x, beta)
        prepared = self._requested.prepared(noise)
        logging.getLogger("torch").setLevel(logging.ERROR)  # the compiler warns of what it will do slowly
        try:
            on_cpu = self.device.type == "cpu"
            self._step = LibraryStep(self, x, beta, prepared) if on_cpu else _compiled(self)
            return self._step(x, beta, prepared)
        except Exception as error:
            # Whatever kept the compiler: what is wrong with the step itself the plain call tells.
            self.possible = False
            print(f"train: the step is not compiled ({why_not(error)})", file=sys.stderr)
            return self.with_prepared(x, beta, prepared)

    def _request(self, x: Observations, beta: Tensor) -> None:
        """Asks for the noise of a minibatch, and leaves everything as it was."""
        before = [buffer.clone() for buffer in self.buffers]
        self.loss(x, beta, self._requested)
        with torch.no_grad():
            for buffer, value in zip(self.buffers, before, strict=True):
                buffer.copy_(value)


class LibraryStep:
    """A step as a shared library of weights, buffers, minibatch, β and noise."""

    def __init__(
        self, compute: CompiledGradients, x: Observations, beta: Tensor, prepared: Sequence[Tensor]
    ) -> None:
        """Takes a minibatch, whose step is computed once and then undone."""
        self._compute, self._labelled = compute, isinstance(x, Labelled)
        self._given: list[bool] = []  # which parameters have a gradient
        notice = "train: compiling the step, which this machine then keeps"
        self._library = ModuleLibrary(compute.whole, self._flat, self._taken(x, beta, prepared), notice)

    def __call__(self, x: Observations, beta: Tensor, prepared: Sequence[Tensor]) -> StepResult:
        """Returns what the minibatch gives."""
        *gradients, sums, monitored, failed = self._library(self._taken(x, beta, prepared))
        left = iter(gradients)
        return StepResult(tuple(next(left) if g else None for g in self._given), sums, monitored, failed)

    def _taken(self, x: Observations, beta: Tensor, prepared: Sequence[Tensor]) -> list[Tensor]:
        return [*as_tensors(x), beta, *prepared]

    def _flat(self, own: Mapping[str, Tensor], tensors: list[Tensor]) -> list[Tensor]:
        """Returns the step's tensors, of other weights and buffers than the model's."""
        x, (beta, *prepared) = from_tensors(tensors, self._labelled)
        result = self._twin(own).with_prepared(x, beta, prepared)
        self._given = [gradient is not None for gradient in result.gradients]
        gradients = [gradient for gradient in result.gradients if gradient is not None]
        return [*gradients, result.sums, result.monitored, result.failed]

    def _twin(self, own: Mapping[str, Tensor]) -> CompiledGradients:
        """Returns what computes the same of the weights and buffers `own`."""
        compute, whole = self._compute, self._compute.whole
        mine = dict(whole.named_parameters()) | dict(whole.named_buffers())
        instead = {id(mine[name]): tensor for name, tensor in own.items()}
        twin = copy.copy(compute)
        twin.parameters = [instead[id(parameter)] for parameter in compute.parameters]
        twin.running = [instead[id(statistic)] for statistic in compute.running]
        twin.loss = lambda *arguments: functional_call(whole, dict(own), arguments)
        return twin


def _compiled(compute: CompiledGradients) -> PreparedStep:
    """Returns the step for a GPU, where it can be captured, compiled by `torch.compile`."""
    tqdm.write("train: compiling the step", file=sys.stderr)
    torch._dynamo.config.trace_autograd_ops = True
    # Nothing that guards look at changes between two calls. Each object then needs graphs of its own.
    options = {"fallback_random": True, "guard_filter_fn": torch.compiler.skip_all_guards_unsafe}
    step: PreparedStep = torch.compile(  # type: ignore[call-overload]
        compute.with_prepared, fullgraph=True, dynamic=False, isolate_recompiles=True, options=options
    )  # (torch's overloads lack isolate_recompiles)
    return step
