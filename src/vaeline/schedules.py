"""What changes with the step: the weight of the KL term, and the learning rate."""

from collections.abc import Callable

from torch.optim import Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, LRScheduler, OneCycleLR


def kl_weight(step: int, warmup_steps: float, total_steps: int, cycles: int = 1) -> float:
    """Returns the factor on β at `step` (from 0): min(1, step / warmup_steps), 1 without a warm-up.

    `cycles` > 1 starts the ramp anew in each of that many equal parts of the training (cyclical
    annealing, Fu et al. 2019, equation 6).
    """
    cycle_steps = total_steps / cycles
    return min(1.0, (step % cycle_steps) / warmup_steps) if warmup_steps > 0 else 1.0


LR_SCHEDULES: dict[str, Callable[[Optimizer, float, int], LRScheduler]] = {
    "constant": lambda optimizer, _rate, _steps: LambdaLR(optimizer, lambda _step: 1.0),
    "cosine": lambda optimizer, _rate, steps: CosineAnnealingLR(optimizer, T_max=steps),
    "one_cycle": lambda optimizer, rate, steps: OneCycleLR(
        optimizer, max_lr=rate, total_steps=steps, cycle_momentum=False
    ),
}
