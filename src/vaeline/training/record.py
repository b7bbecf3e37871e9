"""The record of one epoch of a training."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Record:
    """One epoch: means over examples, in nats an image.

    Attributes:
        train_loss: what was minimised, with every training trick.
        valid_loss: distortion + β · KL at this epoch's last β, whatever the objective. Comparable with
            `train_loss` only for `elbo` without free bits, where both estimate the same quantity.
        valid_elbo: the β = 1 bound that checkpoints are selected by, with its standard error in
            `valid_elbo_se`. NaN, as all of `valid_…`, in an epoch without validation.
        skipped_updates: updates that were not finite, in all steps so far.
        spikes: steps so far whose loss spiked.
        largest_variance: the largest posterior variance in all steps so far, as a multiple of the prior's.
        kl_per_dim: the mean training KL of each latent dimension.
        alerts: what the monitor found in this epoch, a line each.
        stopped: why the training ended with this epoch before its last one; else an empty string.
    """

    epoch: int
    step: int
    beta: float
    learning_rate: float
    train_loss: float
    train_recon: float
    train_kl: float
    valid_loss: float
    valid_recon: float
    valid_kl: float
    valid_elbo: float
    valid_elbo_se: float
    skipped_updates: int
    spikes: int
    largest_variance: float
    kl_per_dim: tuple[float, ...]
    alerts: tuple[str, ...] = ()
    stopped: str = ""

    @property
    def validated(self) -> bool:
        """Whether the epoch ended with a validation."""
        return not math.isnan(self.valid_elbo)


def best(records: Sequence[Record]) -> Record:
    """Returns the record with the highest `valid_elbo`; the first of equal ones."""
    return max(records, key=lambda r: -math.inf if math.isnan(r.valid_elbo) else r.valid_elbo)
