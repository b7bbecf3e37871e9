"""Training: `fit` yields one record an epoch, and knows neither the disk nor MLflow."""

import math
import sys
import time
from collections.abc import Iterator

from vaeline.core.progress import bar
from vaeline.data.observations import Observations
from vaeline.training.epoch import ValidationScore, epoch_record, train_epoch, validate
from vaeline.training.params import TrainingParams
from vaeline.training.record import Record
from vaeline.training.schedules.kl import BetaSchedule
from vaeline.training.state import Training
from vaeline.training.steps.accumulation import updates_in_epoch
from vaeline.training.steps.batches import Batches
from vaeline.training.steps.captured import updates_of
from vaeline.training.steps.tally import Tally


def fit(
    training: Training, images: Observations, valid: Observations, params: TrainingParams
) -> Iterator[Record]:
    """Trains from where `training` is to `params.epochs`, yielding a record after each epoch.

    It ends earlier if the validation ELBO has not improved for `params.patience` epochs, or after the epoch
    `params.stop_after`, which is validated as the last one is.

    Args:
        training: the model with everything that changes while it trains.
        images: the training set, uint8 [N, *event_shape].
        valid: the evaluation set of the validation split, [M, *event_shape] of 0 … 255.
        params: those of the train stage.

    Raises:
        TrainingDivergedError: after more than `params.max_skipped_updates` updates whose loss or gradient
            was not finite.
    """
    minibatches = params.epochs * math.ceil(len(images) / params.batch_size)
    update = updates_of(training, Batches(training.model, images, params), params, minibatches)
    updates = updates_in_epoch(len(images), params.batch_size, params.accumulate)
    beta = BetaSchedule(params, updates)
    last = params.epochs, params.stop_after
    with bar(total=params.epochs * updates, initial=training.step, desc="train", unit="step") as progress:
        while training.epoch < params.epochs and not training.stopping.reason:
            started = time.perf_counter()
            tally = Tally(training, params.max_skipped_updates, progress)
            learning_rate = train_epoch(training, update, beta, tally)
            due = training.epoch % params.val_every == 0 or training.epoch in last
            score = validate(training, valid) if due else ValidationScore()
            record = epoch_record(training, tally, score, beta(training.step - 1), learning_rate)
            training.seconds += time.perf_counter() - started
            yield record
        if training.stopping.reason:
            progress.write(f"train: {training.stopping.reason}", file=sys.stderr)
