"""What changes with the step: the weight of the KL term, and the learning rate."""

import math
from collections.abc import Callable

from torch.optim import Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, LRScheduler

from vaeline.training.params import BetaParams


def kl_weight(step: int, warmup_steps: float, total_steps: int, cycles: int = 1) -> float:
    """Returns the factor on β at `step` (from 0): min(1, step / warmup_steps), 1 without a warm-up.

    `cycles` > 1 starts the ramp again in each of that many equal parts of the training (cyclical annealing,
    Fu et al. 2019, equation 6).
    """
    # In whole numbers: the remainder of a fraction is off by a whole cycle where rounding crosses its end.
    within = step if cycles == 1 else step * cycles % total_steps / cycles
    return min(1.0, within / warmup_steps) if warmup_steps > 0 else 1.0


class BetaSchedule:
    """The weight of the KL at each step of a training of `steps` an epoch."""

    def __init__(self, params: BetaParams, steps: int) -> None:
        self.beta = params.beta
        self.warmup_steps, self.total_steps = params.kl_warmup_epochs * steps, params.epochs * steps
        self.cycles = params.kl_cycles if params.kl_schedule == "cyclical" else 1

    def __call__(self, step: int) -> float:
        """Returns the weight at `step`, from 0."""
        return self.beta * kl_weight(step, self.warmup_steps, self.total_steps, self.cycles)


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


# Each takes an optimizer at its largest learning rate, the epochs, and the steps of an epoch.
LR_SCHEDULES: dict[str, Callable[[Optimizer, int, int], LRScheduler]] = {
    "constant": lambda optimizer, _epochs, _steps: LambdaLR(optimizer, lambda _step: 1.0),
    "cosine": lambda optimizer, epochs, steps: CosineAnnealingLR(optimizer, T_max=epochs * steps),
    "one_cycle": lambda optimizer, epochs, steps: LambdaLR(
        optimizer, lambda step: rise_and_fall(step, epochs * steps, 0.3, _half_cosine)
    ),
    "linear": lambda optimizer, epochs, steps: LambdaLR(
        optimizer, lambda step: rise_and_fall(step, epochs * steps, 0.05, _straight)
    ),
    "burda": lambda optimizer, _epochs, steps: LambdaLR(optimizer, lambda step: burda_factor(step // steps)),
}
