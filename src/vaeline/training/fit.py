"""Training: `fit` yields one record an epoch, and knows neither the disk nor MLflow."""

import math
import time
from collections.abc import Iterator
from typing import Any

from vaeline.core.progress import bar
from vaeline.data.observations import Observations, resident
from vaeline.training.epoch import Epoch
from vaeline.training.gradients import gradients
from vaeline.training.record import Record
from vaeline.training.state import Training


def fit(training: Training, images: Observations, valid: Observations, config: Any) -> Iterator[Record]:
    """Trains from where `training` stands to `config.epochs`, yielding a record after each epoch.

    `images` are the likelihood's training set and `valid` its evaluation set of the validation split, both
    uint8 [N, C, H, W]. Raises TrainingDivergedError after more than `config.max_skipped_updates` updates
    whose loss or gradient was not finite.
    """
    images = resident(images, training.generator.device)
    steps = math.ceil(len(images) / config.batch_size)
    found = gradients(training.model, training.objective, config, config.epochs * steps)
    with bar(total=config.epochs * steps, initial=training.step, desc="train", unit="step") as progress:
        while training.epoch < config.epochs:
            epoch = Epoch(training, found, config, steps, progress)
            started = time.perf_counter()
            epoch.run(images)
            training.epoch += 1
            record = epoch.record(valid)
            training.seconds += time.perf_counter() - started
            yield record
