"""The models that are trained here, and the train stage's loop as a contestant."""

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor

from vaeline.config import ExperimentConfig
from vaeline.core.errors import VaelineError
from vaeline.core.params import StageParams
from vaeline.data.prepared import Prepared
from vaeline.models.catalog import MODELS
from vaeline.models.vae import VAE
from vaeline.runtime.devices import device
from vaeline.runtime.seeding import set_seed
from vaeline.tracking.runs.content import RunContent
from vaeline.tracking.training_run import TrainingRun
from vaeline.training import history
from vaeline.training.build import build_objective
from vaeline.training.fit import fit
from vaeline.training.resume import Scratch
from vaeline.training.state import Training

ENDLESS = 1_000_000  # epochs
MNIST_SHAPE = (1, 28, 28)
MLP_PARAMS: Mapping[str, Any] = {
    "hidden_dim": 400,
    "latent_dim": 20,
    "network": {"name": "mlp", "mlp": {"depth": 1}},
}


def params(**changes: Any) -> StageParams:
    """Returns the default params with `changes`; a section in them has defaults for its other options."""
    return StageParams(ExperimentConfig().to_dict() | {"epochs": ENDLESS} | changes)


def vae(changes: Mapping[str, Any], event_shape: tuple[int, ...] = MNIST_SHAPE) -> VAE:
    """Returns an untrained model of the default params with `changes`, on the device that stages use."""
    config = params(**changes)
    model = MODELS.build(config.model, config=config, event_shape=event_shape)
    assert isinstance(model, VAE)
    return model.to(device(config.device))


def mnist() -> tuple[Tensor, Tensor]:
    """Returns MNIST's training and validation images, uint8 [N, 1, 28, 28].

    Raises VaelineError if another data set, or none, is prepared.
    """
    data = Prepared.open()
    if data.name != "mnist":
        raise VaelineError(f"data/prepared holds {data.name}: run `dvc repro prepare` with data.name: mnist")
    return torch.from_numpy(data.train.values.copy()), torch.from_numpy(data.valid.values.copy())


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
