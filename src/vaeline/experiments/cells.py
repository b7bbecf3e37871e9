"""Presets trained side by side on one GPU, in pieces of a few minutes, without DVC and MLflow.

Each has a process of its own. Their networks are so small that one leaves most of a GPU idle: several share
it where NVIDIA's MPS runs (`nvidia-cuda-mps-control -d`), and otherwise take turns.
"""

import hashlib
import json
import multiprocessing
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import Any, Self

from vaeline.config import ExperimentConfig
from vaeline.core.files import write_json
from vaeline.core.params import StageParams
from vaeline.core.yaml import read_yaml
from vaeline.data.catalog import DATASETS
from vaeline.data.prepared import DESCRIPTION, Prepared
from vaeline.data.storing import prepared_summary, store
from vaeline.evaluation.estimators.latents import ACTIVITY_IMAGES, activity
from vaeline.evaluation.observing import evaluation_set
from vaeline.evaluation.per_image import write_bounds
from vaeline.evaluation.scoring import SplitScores
from vaeline.evaluation.undefined import without_undefined
from vaeline.experiments.presets import preset_overrides
from vaeline.experiments.records import bounds_path, preset_record, record_name, record_path, seeded
from vaeline.experiments.variation import varied
from vaeline.models import checkpoints
from vaeline.models.checkpoints import model_facts
from vaeline.provenance.fingerprint import fingerprint
from vaeline.provenance.origin import origin_tags
from vaeline.runtime.devices import device
from vaeline.runtime.seeding import set_seed
from vaeline.runtime.stage import workspace
from vaeline.training.beginning import begin_training
from vaeline.training.record import Record
from vaeline.training.resume import Scratch
from vaeline.training.state import Training

CELLS = Path(".scratch/cells")
SAVED_EVERY = 40  # epochs


@dataclass
class PresetTraining:
    """One training of a preset, with the `seed` that it is given, or its own."""

    preset: str
    seed: int | None
    changes: dict[str, Any]
    config: ExperimentConfig
    data: Prepared
    training: Training
    records: list[Record]
    epochs: Iterator[Record]
    scratch: Scratch

    @classmethod
    def open(cls, preset: str, seed: int | None, folder: Path) -> Self:
        """Returns the training where it stopped, or at its beginning."""
        changes = seeded(preset_overrides(preset), seed)
        config = _config(preset, seed)
        params, data = _train_params(config), Prepared.open(data_directory(config, folder))
        training, epochs = begin_training(params, data)
        facts = model_facts(params, data)
        key = fingerprint("train", params)
        scratch = Scratch(folder / record_name(preset, seed) / key, facts, params.checkpoint_every)
        records = scratch.resume(training)
        return cls(preset, seed, changes, config, data, training, records, epochs, scratch)

    @property
    def finished(self) -> bool:
        """Whether it has had its last epoch."""
        return self.training.epoch == self.config.epochs

    def train(self, deadline: float) -> None:
        """Trains until the monotonic clock shows `deadline`, or to the end, and saves the state."""
        for record in self.epochs:
            self.records.append(record)
            late = time.monotonic() > deadline
            if late or self.finished or self.training.epoch % SAVED_EVERY == 0:
                self.scratch.save(self.training, self.records)
            if late:
                return

    def record(self, tags: dict[str, str]) -> Path:
        """Evaluates the last checkpoint, as the evaluate stage does, and writes the record and the bounds."""
        config, data = self.config, self.data
        set_seed(config.seed)
        model = checkpoints.load_selected(config.select, self.scratch.checkpoints).to(device(config.device))
        scores = SplitScores.of_model(model, evaluation_set(model, data.test), config, progress=False)
        measures = scores.metrics(config)
        measures |= activity(model, evaluation_set(model, data.train[:ACTIVITY_IMAGES]))
        metrics = {f"evaluate/{k}": v for k, v in without_undefined(measures).items()}
        metrics |= {f"prepare/{k}": v for k, v in prepared_summary(data).items()}
        origin = origin_tags()
        summary = {
            "metrics": metrics | {"train/epochs": self.training.epoch},
            "params": config.to_dict(),
            "training": {"seconds": self.training.seconds, **origin, **tags},
            "evaluation": origin,
        }
        write_bounds(bounds_path(self.preset, self.seed), scores.bounds.iwae)
        path = record_path(self.preset, self.seed)
        write_json(path, preset_record(self.preset, self.changes, summary))
        return path


def train_cells(
    wanted: Sequence[tuple[str, int | None]], minutes: float, together: int, folder: Path = CELLS
) -> list[Path]:
    """Trains presets side by side for some minutes, and evaluates those that are finished.

    The same call resumes them where they stopped; what has a record is not trained again.

    Args:
        wanted: preset and seed of each, in the order in which they are begun; None is the preset's own seed.
        minutes: time to train; starting, and some seconds for each evaluation, come on top.
        together: how many are trained at a time.
        folder: where they are kept, and the data.

    Returns:
        The records that were written.
    """
    missing = [cell for cell in wanted if not record_path(*cell).is_file()]
    if not missing:
        return []
    for preset, seed in missing:
        prepare_for(_config(preset, seed), folder)
    deadline = time.monotonic() + 60 * minutes
    tags = {"together": str(min(together, len(missing)))}
    with ProcessPoolExecutor(together, multiprocessing.get_context("spawn")) as pool:
        paths = pool.map(run_cell, *zip(*missing, strict=True), *map(repeat, (deadline, tags, folder)))
        return [path for path in paths if path]


def run_cell(
    preset: str, seed: int | None, deadline: float, tags: dict[str, str], folder: Path
) -> Path | None:
    """Trains a preset until `deadline`, and returns the path of its record if it is finished."""
    cell = PresetTraining.open(preset, seed, folder)
    cell.train(deadline)
    return cell.record(tags) if cell.finished else None


def _config(preset: str, seed: int | None) -> ExperimentConfig:
    return varied(ExperimentConfig().to_dict(), seeded(preset_overrides(preset), seed))


def data_directory(config: ExperimentConfig, folder: Path) -> Path:
    """Returns where the data that a preset names are prepared in `folder`, beside the trainings."""
    section = json.dumps(config.to_dict()["data"], sort_keys=True)
    return folder / f"data-{hashlib.sha256(section.encode()).hexdigest()[:16]}"


def prepare_for(config: ExperimentConfig, folder: Path) -> None:
    """Prepares the data that a preset names, unless they are."""
    directory = data_directory(config, folder)
    if not (directory / DESCRIPTION).is_file():
        store(DATASETS.build(config.to_dict()["data"], raw=workspace() / "data" / "raw"), directory)


def _train_params(config: ExperimentConfig) -> StageParams:
    """Returns the params that the train stage is given."""
    names = read_yaml("dvc.yaml")["stages"]["train"]["params"]
    values = config.to_dict()
    return StageParams({name: values[name] for name in names})
