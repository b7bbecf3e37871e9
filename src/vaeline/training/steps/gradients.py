"""The gradient of an objective and what an epoch counts of it: the part of a step that can be compiled."""

import logging
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.distributed import ReduceOp, all_reduce
from torch.nn.parallel import DistributedDataParallel
from tqdm import tqdm

from vaeline.data.observations import Observations
from vaeline.models.contracts import Model
from vaeline.models.distributions.noise import Noise, global_noise
from vaeline.models.running import running_statistics
from vaeline.runtime import processes
from vaeline.training.objectives.objective import Objective
from vaeline.training.objectives.terms import Terms
from vaeline.training.params import GradientParams
from vaeline.training.sharing import Share, reject_whole_batch

COMPILED_FROM = 10_000  # steps: fewer do not win back the seconds that compiling takes


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
        self.loss = whole = Loss(model, objective, params.precision)
        self.summed = params.batch_reduction == "sum"
        self.clip = params.grad_clip if params.accumulate == 1 else 0.0  # else the sum over minibatches is
        self.parameters = [p for p in whole.parameters() if p.requires_grad]
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


class CompiledGradients(Gradients):
    """The same as one compiled graph, for minibatches of `params.batch_size`; an epoch's last may be smaller.

    The noise is drawn before each call and enters the graph as tensors: one uncompiled call tells what the
    model asks for. Where compiling is not possible (no C++ compiler is there, or an objective that cannot be
    traced) one line says so, and the steps run uncompiled, with the same noise.
    """

    def __init__(self, model: Model, objective: Objective, params: GradientParams) -> None:
        super().__init__(model, objective, params)
        self.batch_size = params.batch_size
        self.asked: list[tuple[torch.Size, Tensor]] | None = None  # shape, and an empty tensor of its kind
        torch._dynamo.config.trace_autograd_ops = True
        # Nothing that guards look at changes between two calls, and looking took a tenth of a small step.
        # Each object then needs graphs of its own.
        options: dict[str, str | int | bool | Callable[..., object]] = {
            "fallback_random": True,
            "guard_filter_fn": torch.compiler.skip_all_guards_unsafe,
            # What the CPU can do is asked of the CPU, not by building a program for each vector width; if
            # the C++ compiler cannot follow, the step is not compiled. And headers compiled beforehand, as
            # dear as all the rest, pay only from the third graph on.
            "cpp.vec_isa_ok": True,
            "cpp_cache_precompile_headers": False,
        }
        if next(model.parameters()).device.type == "cpu":
            options["cpp_wrapper"] = True  # without it, Python between the kernels takes as long again
        self.compiled: Callable[..., StepResult] | None = torch.compile(  # type: ignore[call-overload]
            self._with_prepared, fullgraph=True, dynamic=False, isolate_recompiles=True, options=options
        )  # (torch's overloads lack isolate_recompiles)

    def __call__(
        self,
        x: Observations,
        beta: float | Tensor,
        noise: Noise = global_noise,
        share: Share | None = None,
    ) -> StepResult:
        """Returns what `Gradients` would, see there."""
        if self.compiled is None or len(x) != self.batch_size:
            return super().__call__(x, beta, noise, share)
        beta = torch.as_tensor(beta)  # a number would be compiled in, and each further one again
        if self.asked is None:
            return self._first(x, beta, noise)
        return self.compiled(x, beta, self._prepared(noise, self.asked))

    def _first(self, x: Observations, beta: Tensor, noise: Noise) -> StepResult:
        tqdm.write("train: compiling the step, which is faster where this was done before", file=sys.stderr)
        self.asked = self._requests(x, beta)
        prepared = self._prepared(noise, self.asked)
        logging.getLogger("torch").setLevel(logging.ERROR)  # the compiler warns of what it will do slowly
        try:
            assert self.compiled is not None
            return self.compiled(x, beta, prepared)
        except Exception as error:
            # Whatever kept the compiler: what is wrong with the step itself the plain call tells.
            self.compiled = None
            reason = str(error).strip().partition("\n")[0]
            print(f"train: the step is not compiled ({type(error).__name__}: {reason})", file=sys.stderr)
            return self._with_prepared(x, beta, prepared)

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

    def _prepared(self, noise: Noise, requests: Sequence[tuple[torch.Size, Tensor]]) -> list[Tensor]:
        return [noise(shape, like) for shape, like in requests]

    def _with_prepared(self, x: Observations, beta: Tensor, prepared: Sequence[Tensor]) -> StepResult:
        left = iter(prepared)
        return super().__call__(x, beta, lambda _shape, _like: next(left))


class ShardedGradients(Gradients):
    """The same over several processes, each of which has a share of the minibatch, to rounding.

    Raises VaelineError where the loss is no mean over examples: its parts would not add up.
    """

    def __init__(self, model: Model, objective: Objective, params: GradientParams) -> None:
        super().__init__(model, objective, params)
        reject_whole_batch(model, objective, str(dict(params.objective)["name"]), processes.size())
        device = next(model.parameters()).device
        ids = [device.index] if device.type == "cuda" else None
        whole = Loss(model, objective, params.precision)
        self.loss = DistributedDataParallel(whole, device_ids=ids, forward_sync_buffers=False)

    def _differentiated(
        self, x: Observations, beta: float | Tensor, noise: Noise, share: Share
    ) -> tuple[Terms, tuple[Tensor | None, ...]]:
        for parameter in self.parameters:
            parameter.grad = None
        terms = self.loss(x, beta, noise)
        # The wrapper takes the mean over processes, whatever the weight that each has.
        weight = share.weight * processes.size() * (share.total if self.summed else 1)
        (terms.loss * weight).backward()
        return terms, tuple(parameter.grad for parameter in self.parameters)

    def _counted(self, terms: Terms, share: Share) -> tuple[Tensor, Tensor, Tensor]:
        rows = len(terms.distortion)
        sums, _, max_variance = super()._counted(terms, Share.whole(rows))
        sums *= share.weight * share.total / rows  # 1, but where all have the same examples
        all_reduce(sums)
        all_reduce(max_variance, ReduceOp.MAX)
        return sums, (sums[1] / sums[0]).to(terms.loss.dtype), max_variance


def gradients(model: Model, objective: Objective, params: GradientParams, steps: int) -> Gradients:
    """Returns the gradients of a training of so many `steps`, each a minibatch, in all.

    Over several processes where there are several, else compiled if `params.compile` says so. By itself it
    says so on a CPU alone: on a GPU updates are captured, see `captured`, which gains more and takes no time.
    """
    if processes.size() > 1:
        return ShardedGradients(model, objective, params)
    long = steps >= COMPILED_FROM and next(model.parameters()).device.type == "cpu"
    compiled = params.compile == "always" or (params.compile == "auto" and long)
    return (CompiledGradients if compiled else Gradients)(model, objective, params)
