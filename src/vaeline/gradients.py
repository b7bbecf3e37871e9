"""The gradient of an objective and what an epoch counts of it: the part of a step that can be compiled."""

import logging
import sys
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

COMPILED_FROM = 10_000  # steps: fewer do not win back the seconds that compiling takes


class Found(NamedTuple):
    """What a batch gave, without a gradient; `failed` is 1 where loss or gradient are not finite, else 0.

    `sums` are over the batch's examples, and zero where it failed: how many there are, loss, distortion, and
    the KL of each dimension. `seen` are the batch's loss, its largest posterior variance, and `failed`.
    """

    gradients: tuple[Tensor | None, ...]
    sums: Tensor
    seen: Tensor
    failed: Tensor


class Gradients:
    """Computes the gradients of `objective` in the parameters of `model`, clipped as `config` tells.

    BatchNorm's running statistics stay as they were where a batch failed.
    """

    def __init__(self, model: nn.Module, objective: Any, config: Any) -> None:
        self.model, self.objective = model, objective
        self.summed, self.clip = config.batch_reduction == "sum", config.grad_clip
        self.parameters = [p for p in model.parameters() if p.requires_grad]
        self.running = [b for name, b in model.named_buffers() if "running_" in name]

    def __call__(self, x: Tensor, beta: float | Tensor) -> Found:
        """Returns what a batch [B, C, H, W] gives, with the KL weighted by `beta`."""
        before = [statistic.clone() for statistic in self.running]
        terms = self.objective(self.model, x, beta)
        loss = terms.loss * len(x) if self.summed else terms.loss
        gradients = torch.autograd.grad(loss, self.parameters, allow_unused=True)
        with torch.no_grad():
            norms = [torch.linalg.vector_norm(gradient) for gradient in gradients if gradient is not None]
            norm = torch.linalg.vector_norm(torch.stack(norms))
            failed = ~torch.isfinite(norm + terms.loss)
            if self.clip > 0:
                factor = (self.clip / (norm + 1e-6)).clamp(max=1)
                gradients = tuple(g if g is None else g * factor for g in gradients)
            for statistic, value in zip(self.running, before, strict=True):
                statistic.copy_(torch.where(failed, value, statistic))
            n = torch.full_like(terms.loss, len(x))
            counted = torch.stack([n, terms.loss * n, terms.distortion.sum()])
            sums = torch.where(failed, 0.0, torch.cat([counted, terms.kl.sum(0)]).double())
            failed = failed.to(torch.float32)
            return Found(gradients, sums, torch.stack([terms.loss, terms.max_variance, failed]), failed)


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
        options = {"fallback_random": True, "guard_filter_fn": torch.compiler.skip_all_guards_unsafe}
        if next(model.parameters()).device.type == "cpu":
            options["cpp_wrapper"] = True  # without it, Python between the kernels takes as long again
        self.compiled = torch.compile(
            super().__call__, fullgraph=True, dynamic=False, isolate_recompiles=True, options=options
        )

    def __call__(self, x: Tensor, beta: float | Tensor) -> Found:
        """Returns what `Gradients` would, see there."""
        if self.compiled is None or len(x) != self.batch_size:
            return super().__call__(x, beta)
        beta = torch.as_tensor(beta)  # a number would be compiled in, and each further one anew
        if self.tried:
            return self.compiled(x, beta)
        return self._first(x, beta)

    def _first(self, x: Tensor, beta: Tensor) -> Found:
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


def gradients(model: nn.Module, objective: Any, config: Any, steps: int) -> Gradients:
    """Returns the gradients of a training of `steps` in all, compiled if `config.compile` says so."""
    compiled = config.compile == "always" or (config.compile == "auto" and steps >= COMPILED_FROM)
    return (CompiledGradients if compiled else Gradients)(model, objective, config)
