"""Watches a training while it runs, and raises alerts that a person would want to read.

Every threshold is given here with its reason. The loss is compared with a running median and median absolute
deviation, so that negative losses and slow drifts raise no alert.
"""

import math
from collections.abc import Sequence
from statistics import median
from typing import Any

WINDOW = 100  # steps of the running median: long enough for a stable spread, short enough to follow a descent
SPIKE = 10.0  # median absolute deviations above the median; noise of minibatches stays below about 5
LARGE_VARIANCE = 100.0  # times the prior's: a posterior as wide as ten of its standard deviations
LOW_KL = 0.01  # nats; a dimension with less tells the decoder nothing


class Monitor:
    """Receives each step's loss and largest posterior variance, and each epoch's KL of every dimension.

    Attributes:
        spikes: steps so far whose loss spiked.
        largest_variance: the largest posterior variance so far, as a multiple of the prior's.
    """

    def __init__(self) -> None:
        self.recent: list[float] = []
        self.spiking = False
        self.dead = 0
        self.wide = False
        self.spikes = 0
        self.largest_variance = 0.0

    def state_dict(self) -> dict[str, Any]:
        """Returns its state, in plain values."""
        return {**vars(self), "recent": list(self.recent)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restores what `state_dict` returned."""
        vars(self).update({**state, "recent": list(state["recent"])})

    def steps(self, first: int, losses: Sequence[float], variances: Sequence[float]) -> list[str]:
        """Returns the alerts of consecutive steps, the first of which has the number `first`."""
        alerts = []
        for step, (loss, variance) in enumerate(zip(losses, variances, strict=True), start=first):
            alerts += self._loss(step, loss) + self._variance(step, variance)
        return alerts

    def _loss(self, step: int, loss: float) -> list[str]:
        if not math.isfinite(loss):
            return [f"step {step}: the loss is {loss}; the update was skipped"]
        alerts = []
        if len(self.recent) == WINDOW:
            centre = median(self.recent)
            deviation = median(abs(value - centre) for value in self.recent)
            was_spiking, self.spiking = self.spiking, loss > centre + SPIKE * deviation
            self.spikes += self.spiking
            if self.spiking and not was_spiking:
                alerts = [f"step {step}: the loss spikes to {loss:.1f} (running median {centre:.1f})"]
        self.recent = [*self.recent[-WINDOW + 1 :], loss]
        return alerts

    def _variance(self, step: int, variance: float) -> list[str]:
        was_wide, self.wide = self.wide, variance > LARGE_VARIANCE
        if math.isfinite(variance):
            self.largest_variance = max(self.largest_variance, variance)
        if self.wide and not was_wide:
            return [f"step {step}: a posterior variance of {variance:.3g} times the prior's"]
        return []

    def epoch(self, epoch: int, kl_per_dim: Sequence[float]) -> list[str]:
        """Returns the alerts of an epoch, from the mean KL of each dimension in nats."""
        was_dead, self.dead = self.dead, sum(value < LOW_KL for value in kl_per_dim)
        if self.dead > was_dead:
            count = f"{self.dead} of {len(kl_per_dim)}"
            return [f"epoch {epoch}: {count} latent dimensions carry less than {LOW_KL:g} nats each"]
        return []
