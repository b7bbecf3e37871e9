"""The train stage's loop as a contestant."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor

from benchmarks.models import ENDLESS, params, vae
from vaeline.core.params import StageParams
from vaeline.runtime.seeding import set_seed
from vaeline.tracking.runs.content import RunContent
from vaeline.tracking.training_run import TrainingRun
from vaeline.training import history
from vaeline.training.build import build_objective
from vaeline.training.fit import fit
from vaeline.training.resume import Scratch
from vaeline.training.state import Training


@contextlib.contextmanager
def stage_loop(images: Tensor, valid: Tensor, folder: Path, **changes: Any) -> Iterator[Iterator[None]]:
    """Yields an iterator that trains one epoch a step, as the train stage does.

    An epoch includes its record, the history, MLflow's curves and the state on the disk.
    """
    config = params(**changes)
    with contextlib.ExitStack() as stack:
        # Until the end: MLflow is written to in the background.
        stack.enter_context(patch.dict(os.environ, {"DVC_ROOT": str(folder)}))
        with _as_in_a_stage():
            os.environ.pop("MLFLOW_TRACKING_URI", None)
            set_seed(config.seed)
            model = vae(changes, tuple(images.shape[1:]))
            objective = build_objective(config, model.latent_dim, len(images))
            sets = model.likelihood.training_set(images), model.likelihood.evaluation_set(valid)
            training = Training.start(model, objective, config, len(images))
            made_of = {"config": config.to_dict(), "shape": images.shape[1:], "classes": 0}
            scratch = stack.enter_context(Scratch.open(folder / "scratch", "bench", made_of, ENDLESS))
            content = RunContent("bench", config.to_dict(), {})
            run = stack.enter_context(TrainingRun.open("bench", content))
        yield _epochs(training, *sets, config, scratch, run)


def _epochs(
    training: Training, images: Tensor, valid: Tensor, config: StageParams, scratch: Scratch, run: TrainingRun
) -> Iterator[None]:
    records = []
    epochs = fit(training, images, valid, config)
    while True:
        with _as_in_a_stage():
            records.append(next(epochs))
            scratch.save(training, records)
            run.curves(history.epoch_curves(history.history_table(records)))
        yield


@contextlib.contextmanager
def _as_in_a_stage() -> Iterator[None]:
    """Allows deterministic algorithms only, as `set_seed` does; the other contestants are not held to it."""
    before = torch.get_deterministic_debug_mode()
    torch.set_deterministic_debug_mode("error")
    try:
        yield
    finally:
        torch.set_deterministic_debug_mode(before)
