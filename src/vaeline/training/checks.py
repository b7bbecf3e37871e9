"""The checks before training; none changes what it checks."""

import copy
import math
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from vaeline.core.errors import VaelineError
from vaeline.data.observations import Observations, pixels
from vaeline.evaluation.uncompiled import UncompiledAdam
from vaeline.models import checkpoints
from vaeline.models.contracts import Model
from vaeline.models.distributions.moments import moments
from vaeline.runtime.seeding import own_noise, rng_state, set_rng_state
from vaeline.training.objectives.objective import Objective

LEARNING_STEPS = 20  # updates on one batch, after which the loss must be lower than before


@dataclass(frozen=True)
class Check:
    """The result of one check.

    Attributes:
        name: of the check.
        passed: whether it passed.
        detail: what it measured, or the error.
    """

    name: str
    passed: bool
    detail: str


def pre_training_checks(
    model: Model, objective: Objective, x: Observations, beta: float, learning_rate: float
) -> list[Check]:
    """Checks `model` and `objective` on one real batch x [B, *event_shape].

    The checks run in order, each on the result of the one before, and stop at the first that fails. They run
    on copies: weights, gradients, BatchNorm statistics, mode and random generators stay as they are.
    """
    state = rng_state()
    trial = _Trial(copy.deepcopy(model).train(), copy.deepcopy(objective), x, beta, learning_rate)
    results = []
    try:
        for name, check in trial.checks():
            results.append(_result(name, check))
            if not results[-1].passed:
                break
    finally:
        set_rng_state(state)
    return results


def _result(name: str, check: Callable[[], tuple[bool, str]]) -> Check:
    try:
        passed, detail = check()
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        passed, detail = False, f"{type(error).__name__}: {' '.join(str(error).split())}"
    return Check(name, passed, detail)


class _Trial:
    """The checks of a copy of the model; each keeps what the next one needs."""

    def __init__(
        self, model: Model, objective: Objective, x: Observations, beta: float, learning_rate: float
    ) -> None:
        self.model, self.x, self.beta = model, x, beta
        self.objective = objective.to(next(model.parameters()).device)
        self.trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
        self.trained |= {f"objective.{name}": p for name, p in objective.learned().items()}
        self.optimizer = UncompiledAdam(self.trained.values(), lr=learning_rate)

    def checks(self) -> Iterator[tuple[str, Callable[[], tuple[bool, str]]]]:
        yield "input", self.input
        yield "forward", self.forward
        yield "ranges", self.ranges
        yield "loss", self.loss
        yield "backward", self.backward
        yield "gradients", self.gradients
        yield "sampling", self.sampling
        yield "learning", self.learning

    def input(self) -> tuple[bool, str]:
        low, high = (bound.item() for bound in pixels(self.x).aminmax())
        note = " (all are equal: there is next to nothing to learn)" if low == high else ""
        unit = self.model.scaling.unit
        expected = "[0, 1]" if unit else "finite"
        values = f"values in [{low:.3g}, {high:.3g}], expected: {expected}{note}"
        inside = 0 <= low <= high <= 1 if unit else math.isfinite(low) and math.isfinite(high)
        return inside, f"{tuple(self.x.shape)}, {values}"

    def forward(self) -> tuple[bool, str]:
        self.inference = self.model.infer(self.x)
        output = self.inference.likelihood.mean.shape[1:]
        latents = [tuple(layer.sample.shape[1:]) for layer in self.inference.layers]
        return (
            output == self.x.shape,
            f"output {tuple(output)}, latents {latents}, input {tuple(self.x.shape)}",
        )

    def ranges(self) -> tuple[bool, str]:
        values = {"output": self.inference.likelihood.mean}
        for i, layer in enumerate(self.inference.layers):
            mean, variance = moments(layer.posterior)
            values |= {f"mean {i}": mean, f"variance {i}": variance}
        detail = ", ".join(f"{name} in [{v.min():.3g}, {v.max():.3g}]" for name, v in values.items())
        return all(torch.isfinite(v).all() for v in values.values()), detail

    def loss(self) -> tuple[bool, str]:
        self.terms = self.objective(self.model, self.x, self.beta)
        parts = self.terms.loss, self.terms.distortion.mean(), self.terms.kl.sum(-1).mean()
        detail = "loss {:.1f}, distortion {:.1f}, KL {:.2f} nats".format(*(part.item() for part in parts))
        return all(math.isfinite(part.item()) for part in parts), detail

    def backward(self) -> tuple[bool, str]:
        self.optimizer.zero_grad()
        self.terms.loss.backward()
        count = sum(p.numel() for p in self.trained.values())
        return bool(self.trained), f"{count:,} parameters to train"

    def gradients(self) -> tuple[bool, str]:
        gradients = {name: p.grad for name, p in self.trained.items()}
        missing = [name for name, gradient in gradients.items() if gradient is None]
        broken = [n for n, g in gradients.items() if g is not None and not torch.isfinite(g).all()]
        detail = [f"no gradient reaches {', '.join(missing)}"] * bool(missing)
        detail += [f"NaN or infinite in {', '.join(broken)}"] * bool(broken)
        return not detail, "; ".join(detail) or f"finite in all {len(gradients)} tensors"

    def sampling(self) -> tuple[bool, str]:
        samples = self.model.sample(4)
        possible = bool((samples == self.model.scaling.bounded(samples)).all())
        shaped = samples.shape[1:] == self.x.shape[1:]
        return possible and shaped, f"{tuple(samples.shape)}, values in the range of the data: {possible}"

    def learning(self) -> tuple[bool, str]:
        before = self._steps(1)
        after = self._steps(LEARNING_STEPS)
        return after < before, f"loss {before:.1f} → {after:.1f} after {LEARNING_STEPS} updates on this batch"

    def _steps(self, n: int) -> float:
        for _ in range(n):
            # The same noise each time: with new noise, a small decrease could not be told from chance.
            with own_noise(0):
                loss = self.objective(self.model, self.x, self.beta).loss
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
        return loss.item()


def checkpoint_check(model: Model, facts: Mapping[str, Any]) -> Check:
    """Returns whether a checkpoint of `model` can be read back to the same weights: "checkpoint".

    What a part keeps outside of its state dict would otherwise be found missing only after training.

    Args:
        model: the model as it will be trained.
        facts: what a checkpoint holds beside the weights, see `checkpoints.model_facts`.
    """
    weights = model.state_dict()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "check.pt"
        checkpoints.save_checkpoint(path, {**facts, "training": {"model": weights}})
        try:
            read = checkpoints.load(path).state_dict()
        except VaelineError as error:
            return Check("checkpoint", False, str(error))
        size = path.stat().st_size
    different = [name for name, value in weights.items() if not torch.equal(read[name], value.cpu())]
    text = (
        f"read back with another {', '.join(different)}" if different else f"{size / 1e6:.1f} MB, read back"
    )
    return Check("checkpoint", not different, text)
