"""Watches a training as it runs, and raises the alerts that a person would want to hear of.

Every threshold stands here with its reason. The loss is compared with a running median and spread, so
that negative losses and slow drifts raise nothing.
"""

import math
from collections.abc import Sequence
from statistics import median
from typing import Any

WINDOW = 100  # steps of the running median: long enough for a stable spread, short enough to follow a descent
SPIKE = 10.0  # median absolute deviations above the median; noise of minibatches stays below about 5
LARGE_VARIANCE = 100.0  # of a posterior whose prior has variance 1: ten standard deviations of it
LOW_KL = 0.01  # nats a dimension: such a dimension tells the decoder nothing


class Monitor:
    """Sees every step's loss and largest posterior variance, and every epoch's KL of each dimension.

    `spikes` counts the steps so far whose loss spiked, and `largest_variance` is the largest that was seen.
    """

    def __init__(self) -> None:
        self.recent: list[float] = []
        self.spiking = False
        self.dead = 0
        self.wide = False
        self.spikes = 0
        self.largest_variance = 0.0

    def state_dict(self) -> dict[str, Any]:
        """Returns what it remembers."""
        return {**vars(self), "recent": list(self.recent)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Remembers again."""
        vars(self).update({**state, "recent": list(state["recent"])})

    def steps(self, first: int, losses: Sequence[float], variances: Sequence[float]) -> list[str]:
        """Returns the alerts of consecutive steps, of which `first` is the number of the first."""
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
            spread = median(abs(value - centre) for value in self.recent)
            was_spiking, self.spiking = self.spiking, loss > centre + SPIKE * spread
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
            return [f"step {step}: a posterior variance of {variance:.3g} is above {LARGE_VARIANCE:g}"]
        return []

    def epoch(self, epoch: int, kl_per_dim: Sequence[float]) -> list[str]:
        """Returns the alerts of an epoch, from the mean KL of each dimension in nats."""
        was_dead, self.dead = self.dead, sum(value < LOW_KL for value in kl_per_dim)
        if self.dead > was_dead:
            count = f"{self.dead} of {len(kl_per_dim)}"
            return [f"epoch {epoch}: {count} latent dimensions carry less than {LOW_KL:g} nats each"]
        return []
