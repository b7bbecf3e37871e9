"""What is remembered of each epoch of a training."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Record:
    """One epoch: means over examples in nats an image. `train_loss` is what was minimised, tricks and all.

    `valid_elbo` is the β = 1 bound that checkpoints are selected on. `valid_loss` is distortion + β·KL at
    this epoch's last β, whatever the objective: to be read beside `train_loss` for `elbo` without free bits
    alone, where both estimate the same quantity. `skipped_updates`, `spikes` and `largest_variance`, of the
    posterior, are those of all steps so far.
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


def best(records: Sequence[Record]) -> Record:
    """Returns the record with the highest β = 1 ELBO on the validation split, the first of equals."""
    return max(records, key=lambda r: -math.inf if math.isnan(r.valid_elbo) else r.valid_elbo)
