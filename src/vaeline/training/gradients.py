"""The gradient of an objective and what an epoch counts of it: the part of a step that can be compiled."""

import logging
import sys
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.distributed import ReduceOp, all_reduce
from torch.nn.parallel import DistributedDataParallel

from vaeline.core.errors import VaelineError
from vaeline.data.observations import Observations
from vaeline.runtime import processes
from vaeline.runtime.shards import Shard, sharing
from vaeline.training.objectives.terms import Terms

COMPILED_FROM = 10_000  # steps: fewer do not win back the seconds that compiling takes


class StepResult(NamedTuple):
    """What a batch gave, without a gradient; `failed` is 1 where loss or gradient are not finite, else 0.

    `sums` are over the batch's examples, and zero where it failed: how many there are, loss, distortion, and
    the KL of each dimension. `seen` are the batch's loss, its largest posterior variance, and `failed`.
    """

    gradients: tuple[Tensor | None, ...]
    sums: Tensor
    seen: Tensor
    failed: Tensor


class _Loss(nn.Module):
    """The objective as a module, which is what DistributedDataParallel takes; in `precision`.

    With bfloat16 the networks' products are of that type, and all that is probability stays in float32.
    """

    def __init__(self, model: nn.Module, objective: Any, precision: str) -> None:
        super().__init__()
        self.model, self.objective, self.coarse = model, objective, precision == "bfloat16"

    def forward(self, x: Observations, beta: float | Tensor) -> Terms:
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self.coarse):
            return self.objective(self.model, x, beta)


class Gradients:
    """Computes the gradients of `objective` in the parameters of `model`, clipped as `config` tells.

    Parameters that the objective learns itself come after the model's, and are clipped with them. Running
    statistics (BatchNorm's, an optimal variance, a codebook) stay as they were where a batch failed.
    """

    def __init__(self, model: nn.Module, objective: Any, config: Any) -> None:
        # An objective may have a network of its own.
        self.loss = _Loss(model, objective, config.precision).to(next(model.parameters()).device)
        self.summed, self.clip = config.batch_reduction == "sum", config.grad_clip
        self.parameters = [p for p in self.loss.parameters() if p.requires_grad]
        self.running = [b for name, b in self.loss.named_buffers() if "running_" in name]

    def __call__(self, x: Observations, beta: float | Tensor) -> StepResult:
        """Returns what a batch [B, C, H, W] gives, with the KL weighted by `beta`."""
        before = [statistic.clone() for statistic in self.running]
        terms, gradients = self._differentiated(x, beta)
        with torch.no_grad():
            sums, loss, max_variance = self._counted(terms, len(x))
            norms = [torch.linalg.vector_norm(gradient) for gradient in gradients if gradient is not None]
            norm = torch.linalg.vector_norm(torch.stack(norms))
            failed = ~torch.isfinite(norm + loss)
            if self.clip > 0:
                factor = (self.clip / (norm + 1e-6)).clamp(max=1)
                gradients = tuple(g if g is None else g * factor for g in gradients)
            for statistic, value in zip(self.running, before, strict=True):
                statistic.copy_(torch.where(failed, value, statistic))
            sums = torch.where(failed, 0.0, sums)
            failed = failed.to(torch.float32)
            return StepResult(gradients, sums, torch.stack([loss, max_variance, failed]), failed)

    def _differentiated(
        self, x: Observations, beta: float | Tensor
    ) -> tuple[Terms, tuple[Tensor | None, ...]]:
        terms = self.loss(x, beta)
        loss = terms.loss * len(x) if self.summed else terms.loss
        return terms, torch.autograd.grad(loss, self.parameters, allow_unused=True)

    def _counted(self, terms: Terms, n: int) -> tuple[Tensor, Tensor, Tensor]:
        """Returns the sums over `n` examples, their mean loss, and the largest variance."""
        counted = torch.stack([torch.full_like(terms.loss, n), terms.loss * n, terms.distortion.sum()])
        return torch.cat([counted, terms.kl.sum(0)]).double(), terms.loss, terms.max_variance


class CompiledGradients(Gradients):
    """The same as one compiled graph, for batches of `config.batch_size`; an epoch's last may be smaller.

    Where that is not possible (no C++ compiler is there, or an objective that cannot be traced) it says so,
    and goes on uncompiled. The noise is drawn by the same generator, and so is the same.
    """

    def __init__(self, model: nn.Module, objective: Any, config: Any) -> None:
        super().__init__(model, objective, config)
        self.batch_size, self.tried = config.batch_size, False
        torch._dynamo.config.trace_autograd_ops = True
        # Nothing that guards look at changes between two calls, and looking took a tenth of a small step.
        # Each object then needs graphs of its own.
        options = {
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
        self.compiled = torch.compile(
            super().__call__, fullgraph=True, dynamic=False, isolate_recompiles=True, options=options
        )

    def __call__(self, x: Observations, beta: float | Tensor) -> StepResult:
        """Returns what `Gradients` would, see there."""
        if self.compiled is None or len(x) != self.batch_size:
            return super().__call__(x, beta)
        beta = torch.as_tensor(beta)  # a number would be compiled in, and each further one anew
        if self.tried:
            return self.compiled(x, beta)
        return self._first(x, beta)

    def _first(self, x: Observations, beta: Tensor) -> StepResult:
        self.tried = True
        logging.getLogger("torch").setLevel(logging.ERROR)  # the compiler warns of what it will do slowly
        try:
            return self.compiled(x, beta)
        except Exception as error:
            # Whatever kept the compiler: what is wrong with the step itself the plain call tells.
            self.compiled = None
            reason = str(error).strip().partition("\n")[0]
            print(f"train: the step is not compiled ({type(error).__name__}: {reason})", file=sys.stderr)
            return self(x, beta)


class ShardedGradients(Gradients):
    """The same over several processes, each of which has a part of the batch, to rounding.

    Raises VaelineError where the loss is no sum over examples: its parts would not add up.
    """

    def __init__(self, model: nn.Module, objective: Any, config: Any) -> None:
        super().__init__(model, objective, config)
        if not objective.per_example:
            raise VaelineError(
                f"NPROC = {processes.size()}: objective.name = '{config.objective['name']}' compares the "
                "examples of a whole batch: train it in one process"
            )
        if self.running:
            raise VaelineError(
                f"NPROC = {processes.size()}: BatchNorm's statistics are of a whole batch, as are an optimal "
                "variance and a codebook: train in one process, or with network.batch_norm: false, and "
                "without likelihood.gaussian.variance: optimal and model.name: vq"
            )
        device = next(model.parameters()).device
        ids = [device.index] if device.type == "cuda" else None
        self.loss = DistributedDataParallel(self.loss, device_ids=ids, broadcast_buffers=False)

    def __call__(self, x: Observations, beta: float | Tensor) -> StepResult:
        """Returns what a batch [B, C, H, W] gives; every process is handed the whole of it."""
        self.shard = Shard.mine(len(x))
        with sharing(self.shard):
            return super().__call__(x[self.shard.start : self.shard.stop], beta)

    def _differentiated(
        self, x: Observations, beta: float | Tensor
    ) -> tuple[Terms, tuple[Tensor | None, ...]]:
        for parameter in self.parameters:
            parameter.grad = None
        terms = self.loss(x, beta)
        # The wrapper takes the mean over processes, whatever the share that each has.
        weight = self.shard.weight * processes.size() * (self.shard.total if self.summed else 1)
        (terms.loss * weight).backward()
        return terms, tuple(parameter.grad for parameter in self.parameters)

    def _counted(self, terms: Terms, n: int) -> tuple[Tensor, Tensor, Tensor]:
        sums, _, max_variance = super()._counted(terms, n)
        sums *= self.shard.weight * self.shard.total / n  # 1, but where all have the same examples
        all_reduce(sums)
        all_reduce(max_variance, ReduceOp.MAX)
        return sums, (sums[1] / sums[0]).to(terms.loss.dtype), max_variance


def gradients(model: nn.Module, objective: Any, config: Any, steps: int) -> Gradients:
    """Returns the gradients of a training of `steps` in all.

    Over several processes where there are several, else compiled if `config.compile` says so.
    """
    if processes.size() > 1:
        return ShardedGradients(model, objective, config)
    compiled = config.compile == "always" or (config.compile == "auto" and steps >= COMPILED_FROM)
    return (CompiledGradients if compiled else Gradients)(model, objective, config)
