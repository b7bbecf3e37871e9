"""One epoch: a pass over the training images, the score of the validation images, and the record of both."""

import math
from dataclasses import dataclass
from typing import Self

from vaeline.data.observations import Observations
from vaeline.evaluation.estimators.bounds import elbo_terms
from vaeline.evaluation.estimators.estimate import Estimate
from vaeline.models.contracts import Model
from vaeline.runtime.seeding import own_noise
from vaeline.training.batches import Batches
from vaeline.training.gradients import Gradients, StepResult
from vaeline.training.record import Record
from vaeline.training.schedules import BetaSchedule
from vaeline.training.state import Training
from vaeline.training.tally import Tally, no_elbo

VALIDATION_SEED = 0  # the same noise each epoch, so that epochs differ by their weights alone


def train_epoch(
    training: Training, batches: Batches, compute: Gradients, beta: BetaSchedule, tally: Tally
) -> float:
    """Trains on every image once, and returns the last learning rate; raises TrainingDivergedError."""
    training.model.train()
    learning_rate = math.nan
    for batch in batches.epoch(training.step):
        result = compute(batch.x, beta(training.step), batch.noise, batch.share)
        learning_rate = training.optimizer.param_groups[0]["lr"]
        take_step(training, compute, result)
        tally.add(result)
    tally.read()
    training.epoch += 1
    return learning_rate


def take_step(training: Training, compute: Gradients, result: StepResult) -> None:
    """Updates the weights by the gradients that `compute` returned, unless they are not finite."""
    for parameter, gradient in zip(compute.parameters, result.gradients, strict=True):
        parameter.grad = gradient
    # The hook of mixed-precision training: the fused update does nothing where found_inf is 1, on the device
    # itself, without waiting for it.
    training.optimizer.found_inf = result.failed
    training.optimizer.step()
    training.scheduler.step()
    training.step += 1


@dataclass(frozen=True)
class ValidationScore:
    """The β = 1 bound of the validation images and its two terms, in nats an image."""

    distortion: float
    rate: float
    elbo: Estimate

    @classmethod
    def of(cls, model: Model, valid: Observations) -> Self:
        """Returns the score of `model`, which is left in evaluation mode."""
        model.eval()
        with own_noise(VALIDATION_SEED):
            terms = elbo_terms(model, valid)
        distortion, rate = (values.double().mean().item() for values in (terms.distortion, terms.rate))
        return cls(distortion, rate, Estimate.of(terms.elbo))


def epoch_record(
    training: Training, tally: Tally, score: ValidationScore, beta: float, learning_rate: float
) -> Record:
    """Returns the record of the epoch that has just ended, with its last `beta` and `learning_rate`.

    Raises:
        TrainingDivergedError: where training or validation images have no finite ELBO.
    """
    means = tally.means()
    if not math.isfinite(score.elbo.mean):
        raise no_elbo(training.epoch)
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
    )
