"""The weight of the KL term at each update."""

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
