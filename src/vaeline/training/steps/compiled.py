"""The gradient of a step as one compiled function."""

import copy
import logging
import sys
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.func import functional_call
from tqdm import tqdm

from vaeline.data.observations import Labelled, Observations
from vaeline.models.contracts import Model
from vaeline.models.distributions.noise import Noise, global_noise
from vaeline.training.objectives.objective import Objective
from vaeline.training.params import GradientParams
from vaeline.training.sharing import Share
from vaeline.training.steps.gradients import Gradients, StepResult
from vaeline.training.steps.library import Library

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
        self._asked: list[tuple[torch.Size, Tensor]] = []  # shape, and an empty tensor of its kind
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
        return self._step(x, beta, self._prepared(noise))

    def with_prepared(self, x: Observations, beta: Tensor, prepared: Sequence[Tensor]) -> StepResult:
        """Returns what the minibatch gives with the noise that it asks for, uncompiled."""
        left = iter(prepared)
        return super().__call__(x, beta, lambda _shape, _like: next(left))

    def _first(self, x: Observations, beta: Tensor, noise: Noise) -> StepResult:
        self._asked = self._requests(x, beta)
        prepared = self._prepared(noise)
        logging.getLogger("torch").setLevel(logging.ERROR)  # the compiler warns of what it will do slowly
        try:
            on_cpu = self.device.type == "cpu"
            self._step = LibraryStep(self, x, beta, prepared) if on_cpu else _compiled(self)
            return self._step(x, beta, prepared)
        except Exception as error:
            # Whatever kept the compiler: what is wrong with the step itself the plain call tells.
            self.possible = False
            reason = str(error).strip().partition("\n")[0]
            print(f"train: the step is not compiled ({type(error).__name__}: {reason})", file=sys.stderr)
            return self.with_prepared(x, beta, prepared)

    def _requests(self, x: Observations, beta: Tensor) -> list[tuple[torch.Size, Tensor]]:
        """Returns what noise a minibatch asks for, and leaves everything as it was."""
        before = [buffer.clone() for buffer in self.buffers]
        requests: list[tuple[torch.Size, Tensor]] = []

        def recording(shape: torch.Size, like: Tensor) -> Tensor:
            requests.append((shape, like.new_empty(0)))
            return torch.zeros(shape, dtype=like.dtype, device=like.device)

        self.loss(x, beta, recording)
        with torch.no_grad():
            for buffer, value in zip(self.buffers, before, strict=True):
                buffer.copy_(value)
        return requests

    def _prepared(self, noise: Noise) -> list[Tensor]:
        return [noise(shape, like) for shape, like in self._asked]


class LibraryStep:
    """A step as a shared library of weights, buffers, minibatch, β and noise."""

    def __init__(
        self, compute: CompiledGradients, x: Observations, beta: Tensor, prepared: Sequence[Tensor]
    ) -> None:
        """Takes a minibatch, whose step is computed once and then undone."""
        self._compute, self._labelled = compute, isinstance(x, Labelled)
        self._own = dict(compute.whole.named_parameters()) | dict(compute.whole.named_buffers())
        self._given: list[bool] = []  # which parameters have a gradient
        varying = list(self._own.values())
        library = Library(self._flat, self._copies() + self._taken(x, beta, prepared), varying)
        if not library.path.is_file():
            tqdm.write("train: compiling the step, which this machine then keeps", file=sys.stderr)
        library.load()
        self._library, self._detached = library, [own.detach() for own in varying]

    def __call__(self, x: Observations, beta: Tensor, prepared: Sequence[Tensor]) -> StepResult:
        """Returns what the minibatch gives."""
        *gradients, sums, monitored, failed = self._library(self._detached + self._taken(x, beta, prepared))
        left = iter(gradients)
        return StepResult(tuple(next(left) if g else None for g in self._given), sums, monitored, failed)

    def _copies(self) -> list[Tensor]:
        """Returns weights and buffers that may be changed."""
        own = self._own.values()
        return [tensor.detach().clone().requires_grad_(tensor.requires_grad) for tensor in own]

    def _taken(self, x: Observations, beta: Tensor, prepared: Sequence[Tensor]) -> list[Tensor]:
        values = [x.images, x.labels] if isinstance(x, Labelled) else [x]
        return [*(value.contiguous() for value in values), beta, *prepared]

    def _flat(self, tensors: list[Tensor]) -> list[Tensor]:
        """Returns the step's tensors, of other weights and buffers than the model's."""
        own, (*rest,) = tensors[: len(self._own)], tensors[len(self._own) :]
        x = Labelled(rest.pop(0), rest.pop(0)) if self._labelled else rest.pop(0)
        beta, *prepared = rest
        result = self._twin(own).with_prepared(x, beta, prepared)
        self._given = [gradient is not None for gradient in result.gradients]
        gradients = [gradient for gradient in result.gradients if gradient is not None]
        return [*gradients, result.sums, result.monitored, result.failed]

    def _twin(self, own: Sequence[Tensor]) -> CompiledGradients:
        """Returns what computes the same of the weights and buffers `own`."""
        compute, named = self._compute, dict(zip(self._own, own, strict=True))
        instead = {id(mine): named[name] for name, mine in self._own.items()}
        twin = copy.copy(compute)
        twin.parameters = [instead[id(parameter)] for parameter in compute.parameters]
        twin.running = [instead[id(statistic)] for statistic in compute.running]
        twin.loss = lambda *arguments: functional_call(compute.whole, named, arguments)
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
