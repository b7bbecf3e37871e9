"""What changes with the step: the weight of the KL term, and the learning rate."""

from collections.abc import Callable
from typing import Literal

from torch.optim import Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, LRScheduler, OneCycleLR

from vaeline.training.params import BetaParams


def kl_weight(step: int, warmup_steps: float, total_steps: int, cycles: int = 1) -> float:
    """Returns the factor on β at `step` (from 0): min(1, step / warmup_steps), 1 without a warm-up.

    `cycles` > 1 starts the ramp again in each of that many equal parts of the training (cyclical annealing,
    Fu et al. 2019, equation 6).
    """
    cycle_steps = total_steps / cycles
    return min(1.0, (step % cycle_steps) / warmup_steps) if warmup_steps > 0 else 1.0


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


def _rise_and_fall(
    optimizer: Optimizer, steps: int, rising: float, strategy: Literal["cos", "linear"]
) -> LRScheduler:
    """Returns a schedule that rises over a share of the steps, and then falls to nearly 0."""
    (rate,) = {group["lr"] for group in optimizer.param_groups}
    return OneCycleLR(
        optimizer,
        max_lr=rate,
        total_steps=steps,
        pct_start=rising,
        anneal_strategy=strategy,
        cycle_momentum=False,
    )


# Each takes an optimizer at its largest learning rate, the epochs, and the steps of an epoch.
LR_SCHEDULES: dict[str, Callable[[Optimizer, int, int], LRScheduler]] = {
    "constant": lambda optimizer, _epochs, _steps: LambdaLR(optimizer, lambda _step: 1.0),
    "cosine": lambda optimizer, epochs, steps: CosineAnnealingLR(optimizer, T_max=epochs * steps),
    "one_cycle": lambda optimizer, epochs, steps: _rise_and_fall(optimizer, epochs * steps, 0.3, "cos"),
    "linear": lambda optimizer, epochs, steps: _rise_and_fall(optimizer, epochs * steps, 0.05, "linear"),
    "burda": lambda optimizer, _epochs, steps: LambdaLR(optimizer, lambda step: burda_factor(step // steps)),
}
