"""What an epoch counts of its steps: sums for its record, and alerts as they come."""

import sys
from typing import NamedTuple

import torch
from torch import Tensor
from tqdm import tqdm

from vaeline.core.errors import VaelineError
from vaeline.training.state import Training
from vaeline.training.steps.gradients import StepResult
from vaeline.training.steps.waiting import HostCopy

LOG_EVERY = 100  # steps between two reads from the device
ADVICE = "lower learning_rate, set grad_clip: 1.0, or narrow posterior.diagonal.log_var_min and log_var_max"


class TrainingDivergedError(VaelineError):
    """Too many updates were not finite numbers."""


class EpochMeans(NamedTuple):
    """Means over the training images that an epoch counted, in nats."""

    loss: float
    distortion: float
    kl_per_dim: tuple[float, ...]


class Tally:
    """Counts the steps of one epoch, LOG_EVERY at a time.

    A GPU's numbers are read while it computes the next ones, so that the host does not wait for it.
    """

    def __init__(self, training: Training, max_skipped: int, progress: "tqdm[None]") -> None:
        self.training, self.max_skipped, self.progress = training, max_skipped, progress
        self.alerts: list[str] = []
        self._sums: Tensor | None = None
        self._unread: list[Tensor] = []
        self._coming: list[HostCopy] = []

    def add(self, result: StepResult) -> None:
        """Counts a step that was taken; raises TrainingDivergedError as `read` does."""
        self._sums = result.sums if self._sums is None else self._sums + result.sums
        self._unread.append(result.monitored)
        if len(self._unread) == LOG_EVERY:
            self._fetch()
            self._read(later=1 if result.monitored.is_cuda else 0)

    def read(self) -> None:
        """Reads what the device has computed since the last time, for the monitor and the progress bar.

        Raises:
            TrainingDivergedError: after more than `max_skipped` updates that were not finite.
        """
        if self._unread:
            self._fetch()
        self._read(later=0)

    def _fetch(self) -> None:
        self._coming.append(HostCopy(torch.stack(self._unread)))
        self._unread = []

    def _read(self, later: int) -> None:
        """Reads all that was fetched but the last `later` pieces."""
        while len(self._coming) > later:
            self._count(self._coming.pop(0).values())

    def _count(self, monitored: Tensor) -> None:
        losses, variances, failed = monitored.T.tolist()
        unread = len(self._unread) + sum(map(len, self._coming))
        first = self.training.step - unread - len(losses) + 1
        self.training.skipped += int(sum(failed))
        self.alert(self.training.monitor.steps(first, losses, variances))
        self.progress.update(len(losses))
        self.progress.set_postfix(epoch=self.training.epoch + 1, loss=f"{losses[-1]:.1f}", refresh=False)
        if self.training.skipped > self.max_skipped:
            raise TrainingDivergedError(
                f"{self.training.skipped} updates up to step {first + len(losses) - 1} were NaN or infinite "
                f"and were skipped (max_skipped_updates): {ADVICE}"
            )

    def alert(self, alerts: list[str]) -> None:
        """Prints alerts, and keeps them for the record."""
        # Printed at once: a training that diverges leaves no record of its last epoch.
        self.alerts += alerts
        for alert in alerts:
            self.progress.write(f"! {alert}", file=sys.stderr)

    def means(self) -> EpochMeans:
        """Returns the means of the epoch; raises TrainingDivergedError if every update was skipped."""
        count, *sums = [0.0] if self._sums is None else self._sums.tolist()
        if count == 0:
            raise no_elbo(self.training.epoch)
        loss, distortion, *kl = (value / count for value in sums)
        return EpochMeans(loss, distortion, tuple(kl))


def no_elbo(epoch: int) -> TrainingDivergedError:
    """Returns the error of an epoch after which the model has no ELBO."""
    return TrainingDivergedError(f"epoch {epoch} ends without a finite ELBO: {ADVICE}")
