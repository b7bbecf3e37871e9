"""Training: `fit` yields one record an epoch, and knows neither the disk nor MLflow."""

import math
import time
from collections.abc import Iterator

from vaeline.core.progress import bar
from vaeline.data.observations import Observations
from vaeline.training.batches import Batches
from vaeline.training.epoch import ValidationScore, epoch_record, train_epoch
from vaeline.training.gradients import gradients
from vaeline.training.params import TrainingParams
from vaeline.training.record import Record
from vaeline.training.schedules import BetaSchedule
from vaeline.training.state import Training
from vaeline.training.tally import Tally


def fit(
    training: Training, images: Observations, valid: Observations, params: TrainingParams
) -> Iterator[Record]:
    """Trains from where `training` is to `params.epochs`, yielding a record after each epoch.

    Args:
        training: the model with everything that changes while it trains.
        images: the training set, uint8 [N, *event_shape].
        valid: the evaluation set of the validation split, [M, *event_shape] of 0 … 255.
        params: those of the train stage.

    Raises:
        TrainingDivergedError: after more than `params.max_skipped_updates` updates whose loss or gradient
            was not finite.
    """
    steps = math.ceil(len(images) / params.batch_size)
    batches = Batches(training.model, images, params)
    compute = gradients(training.model, training.objective, params, params.epochs * steps)
    beta = BetaSchedule(params, steps)
    with bar(total=params.epochs * steps, initial=training.step, desc="train", unit="step") as progress:
        while training.epoch < params.epochs:
            started = time.perf_counter()
            tally = Tally(training, params.max_skipped_updates, progress)
            learning_rate = train_epoch(training, batches, compute, beta, tally)
            score = ValidationScore.of(training.model, valid)
            record = epoch_record(training, tally, score, beta(training.step - 1), learning_rate)
            training.seconds += time.perf_counter() - started
            yield record
