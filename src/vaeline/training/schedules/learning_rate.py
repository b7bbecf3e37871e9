"""The learning rate of each update: the largest, times a schedule, times a warm-up."""

import math
from collections.abc import Callable
from typing import Any

from torch.optim import Optimizer

from vaeline.training.params import LearningRateParams
from vaeline.training.schedules.patience import Patience

BURDA_FACTORS = (1.0, 0.72, 0.52, 0.37, 0.27, 0.19, 0.14, 0.1)  # 10^(−i/7), as the authors rounded it


def burda_factor(epoch: float) -> float:
    """Returns the factor on the learning rate in `epoch` (from 0): stage i, of 3^i epochs, has 10^(−i/7).

    Eight stages make the 3,280 epochs of Burda et al. (2016), section 5; after them the rate stays the last.
    """
    ends = ((3 ** (i + 1) - 1) / 2 for i in range(len(BURDA_FACTORS) - 1))
    return BURDA_FACTORS[sum(epoch >= end for end in ends)]


START_FACTOR, END_FACTOR = 1 / 25, 1 / 250_000  # at either end of a rise and fall, as in PyTorch


def rise_and_fall(step: int, steps: int, rising: float, line: Callable[[float], float]) -> float:
    """Returns the factor on the learning rate at `step` (from 0) of `steps`: up to 1, and down to nearly 0.

    It is that of PyTorch's OneCycleLR, which divides by zero where the rise takes one step exactly, and
    never reaches 1 where it takes less. Here such a training starts at 1; one of a single step stays there.

    Args:
        step: number of the update.
        steps: of the whole training.
        rising: share of the steps in which it rises.
        line: from how far it is on its way up or down to how far the factor is on its way, both in [0, 1].
    """
    top, last = max(0.0, rising * steps - 1), steps - 1
    if step < top:
        return START_FACTOR + (1 - START_FACTOR) * line(step / top)
    return 1 + (END_FACTOR - 1) * line(min(1.0, (step - top) / (last - top))) if last > top else 1.0


def _half_cosine(way: float) -> float:
    return (1 - math.cos(math.pi * way)) / 2


def _straight(way: float) -> float:
    return way


def warm_up_factor(step: int, steps: float) -> float:
    """Returns the factor on the learning rate at `step` (from 0): a line to 1 at the last of `steps`."""
    return min(1.0, (step + 1) / steps) if steps > 0 else 1.0


class Schedule:
    """A factor on the learning rate that depends on the update alone."""

    def __init__(self, factor: Callable[[int], float]) -> None:
        self._factor = factor

    def __call__(self, step: int) -> float:
        """Returns the factor at `step`, from 0; in [0, 1]."""
        return self._factor(step)

    def observe(self, epoch: int, elbo: float) -> None:
        """Takes note of a validation."""

    def state_dict(self) -> dict[str, Any]:
        """Returns what a resumed training needs of it, in plain values."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restores what `state_dict` returned."""


class Plateau(Schedule):
    """Multiplies the learning rate by `by` whenever the validation ELBO has not improved for some epochs.

    As PyTorch's ReduceLROnPlateau(mode="max", threshold=0, patience=epochs - 1).
    """

    def __init__(self, epochs: int, by: float) -> None:
        super().__init__(lambda _step: self.factor)
        self.patience, self.by, self.factor = Patience(epochs), by, 1.0

    def observe(self, epoch: int, elbo: float) -> None:
        """Takes note of a validation."""
        if self.patience.exhausted(epoch, elbo):
            self.factor *= self.by
            self.patience.since = epoch

    def state_dict(self) -> dict[str, Any]:
        """Returns the factor, and what it depends on."""
        return {"factor": self.factor, "patience": self.patience.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restores what `state_dict` returned."""
        self.factor = state["factor"]
        self.patience.load_state_dict(state["patience"])


# Each takes the params, the updates of an epoch, and those of the whole training.
LR_SCHEDULES: dict[str, Callable[[LearningRateParams, int, int], Schedule]] = {
    "constant": lambda _params, _epoch, _total: Schedule(lambda _step: 1.0),
    "cosine": lambda _params, _epoch, total: Schedule(lambda step: 1 - _half_cosine(step / total)),
    "one_cycle": lambda _params, _epoch, total: Schedule(
        lambda step: rise_and_fall(step, total, 0.3, _half_cosine)
    ),
    "linear": lambda _params, _epoch, total: Schedule(
        lambda step: rise_and_fall(step, total, 0.05, _straight)
    ),
    "burda": lambda _params, epoch, _total: Schedule(lambda step: burda_factor(step // epoch)),
    "plateau": lambda params, _epoch, _total: Plateau(params.lr_plateau_patience, params.lr_plateau_factor),
}


class LearningRate:
    """Sets the learning rate of an optimizer before each update of a training of `updates` an epoch."""

    def __init__(self, optimizer: Optimizer, params: LearningRateParams, updates: int) -> None:
        self.optimizer, self.largest = optimizer, params.learning_rate
        self.schedule = LR_SCHEDULES[params.lr_schedule](params, updates, params.epochs * updates)
        self.warmup = params.lr_warmup_epochs * updates

    def set(self, step: int) -> float:
        """Sets the rate of the update `step`, from 0, and returns it."""
        rate = self.largest * self.schedule(step) * warm_up_factor(step, self.warmup)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        return rate
