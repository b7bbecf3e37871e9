"""One epoch: a pass over the training images, the score of the validation images, and the record of both."""

import math
from dataclasses import dataclass
from typing import Self

from vaeline.data.observations import Observations
from vaeline.evaluation.estimators.bounds import elbo_terms
from vaeline.evaluation.estimators.estimate import Estimate
from vaeline.models.contracts import Model
from vaeline.runtime.seeding import own_noise
from vaeline.training.record import Record
from vaeline.training.schedules.kl import BetaSchedule
from vaeline.training.state import Training
from vaeline.training.steps.tally import Tally, no_elbo
from vaeline.training.steps.updates import Update

NOT_MEASURED = Estimate(math.nan, math.nan)
VALIDATION_SEED = 0  # the same noise each epoch, so that epochs differ by their weights alone


def train_epoch(training: Training, update: Update, beta: BetaSchedule, tally: Tally) -> float:
    """Trains on every image once, and returns the last learning rate; raises TrainingDivergedError."""
    training.model.train()
    learning_rate = math.nan
    for minibatches in update.batches.updates(training.epoch):
        learning_rate = training.learning_rate.set(training.step)
        tally.add(update(minibatches, beta(training.step)))
    tally.read()
    training.epoch += 1
    return learning_rate


@dataclass(frozen=True)
class ValidationScore:
    """The β = 1 bound of the validation images and its two terms, in nats an image. NaN: not measured."""

    distortion: float = math.nan
    rate: float = math.nan
    elbo: Estimate = NOT_MEASURED

    @classmethod
    def of(cls, model: Model, valid: Observations) -> Self:
        """Returns the score of `model`, which is left in evaluation mode."""
        model.eval()
        with own_noise(VALIDATION_SEED):
            terms = elbo_terms(model, valid)
        distortion, rate = (values.double().mean().item() for values in (terms.distortion, terms.rate))
        return cls(distortion, rate, Estimate.of(terms.elbo))


def validate(training: Training, valid: Observations) -> ValidationScore:
    """Returns the score after an epoch, of which schedule and early stopping take note.

    Raises:
        TrainingDivergedError: where the validation images have no finite ELBO.
    """
    score = ValidationScore.of(training.evaluated, valid)
    if not math.isfinite(score.elbo.mean):
        raise no_elbo(training.epoch)
    for observer in (training.learning_rate.schedule, training.stopping):
        observer.observe(training.epoch, score.elbo.mean)
    return score


def epoch_record(
    training: Training, tally: Tally, score: ValidationScore, beta: float, learning_rate: float
) -> Record:
    """Returns the record of the epoch that has just ended, with its last `beta` and `learning_rate`.

    Raises:
        TrainingDivergedError: where the training images have no finite loss.
    """
    means = tally.means()
    tally.alert(training.monitor.epoch(training.epoch, means.kl_per_dim))
    return Record(
        epoch=training.epoch,
        step=training.step,
        beta=beta,
        learning_rate=learning_rate,
        train_loss=means.loss,
        train_recon=means.distortion,
        train_kl=sum(means.kl_per_dim),
        valid_loss=score.distortion + beta * score.rate,
        valid_recon=score.distortion,
        valid_kl=score.rate,
        valid_elbo=score.elbo.mean,
        valid_elbo_se=score.elbo.se,
        skipped_updates=training.skipped,
        spikes=training.monitor.spikes,
        largest_variance=training.monitor.largest_variance,
        kl_per_dim=means.kl_per_dim,
        alerts=tuple(tally.alerts),
        stopped=training.stopping.reason,
    )
