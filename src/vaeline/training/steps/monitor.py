"""Watches a training while it runs, and raises alerts that a person would want to read.

Every threshold is given here with its reason. The loss is compared with a running median and median absolute
deviation, so that negative losses and slow drifts raise no alert.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

WINDOW = 100  # steps of the running median: long enough for a stable spread, short enough to follow a descent
SPIKE = 10.0  # median absolute deviations above the median; noise of minibatches stays below about 5
LARGE_VARIANCE = 100.0  # times the prior's: a posterior as wide as ten of its standard deviations
LOW_KL = 0.01  # nats; a dimension with less tells the decoder nothing


class Typical(NamedTuple):
    """The running median before a step, and the median absolute deviation from it; NaN: too few steps."""

    centre: float
    deviation: float


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
        typical = iter(self._typical([loss for loss in losses if math.isfinite(loss)]))
        for step, (loss, variance) in enumerate(zip(losses, variances, strict=True), start=first):
            if math.isfinite(loss):
                alerts += self._loss(step, loss, next(typical))
            else:
                alerts.append(f"step {step}: the loss is {loss}; the update was skipped")
            alerts += self._variance(step, variance)
        return alerts

    def _typical(self, losses: list[float]) -> list[Typical]:
        """Returns what was typical before each of these losses, and counts them as recent."""
        early = min(WINDOW - len(self.recent), len(losses))
        seen = np.array(self.recent + losses)
        self.recent = seen[-WINDOW:].tolist()
        if early == len(losses):
            return [Typical(math.nan, math.nan)] * early
        windows = np.lib.stride_tricks.sliding_window_view(seen[:-1], WINDOW)
        centres = np.median(windows, axis=1)
        deviations = np.median(np.abs(windows - centres[:, None]), axis=1)
        typical = map(Typical, centres.tolist(), deviations.tolist())
        return [*[Typical(math.nan, math.nan)] * early, *typical]

    def _loss(self, step: int, loss: float, typical: Typical) -> list[str]:
        was_spiking, self.spiking = self.spiking, loss > typical.centre + SPIKE * typical.deviation
        self.spikes += self.spiking
        if self.spiking and not was_spiking:
            return [f"step {step}: the loss spikes to {loss:.1f} (running median {typical.centre:.1f})"]
        return []

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
