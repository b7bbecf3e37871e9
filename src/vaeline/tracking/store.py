"""The MLflow store: a tracking server, or an SQLite file at the repository's root."""

import contextlib
import logging
import os
import tempfile
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from PIL import Image

from vaeline.core.files import write_text
from vaeline.core.params import flatten_params, param_text
from vaeline.models import checkpoints
from vaeline.runtime.stage import workspace
from vaeline.tracking.describing import renewed
from vaeline.tracking.inputs import Input

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
# A server that does not answer is given up on within seconds rather than minutes: training must go on.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")

from mlflow import MlflowClient, pyfunc
from mlflow.entities import (
    Dataset,
    DatasetInput,
    InputTag,
    LoggedModelOutput,
    Metric,
    Param,
    Run,
    RunTag,
)
from mlflow.exceptions import MlflowException
from mlflow.models import Model, ModelSignature
from mlflow.types import DataType, ParamSchema, ParamSpec, Schema, TensorSpec

TRAINING_RUN = "vaeline.training_run"
NOTE = "mlflow.note.content"
MODEL = "model"
NEEDED = ("torch", "numpy", "pydantic", "ruamel.yaml")  # by the model, beside this package
METHOD = ParamSchema([ParamSpec("method", DataType.string, "reconstruct")])
MEASURED = ("evaluate/", "fid/", "diagnose/")  # metrics that are of the trained model


@dataclass
class RunContent:
    """What a run is to hold: nested `params`, `metrics` by name, `curves` one mapping an epoch, and files.

    `verdict` and `note`, its description, are of the last report; all else stays as it was first logged.
    """

    name: str
    params: Mapping[str, Any]
    tags: Mapping[str, str]
    metrics: Mapping[str, float] = field(default_factory=dict)
    curves: Sequence[Mapping[str, float]] = ()
    artifacts: Mapping[str, str] = field(default_factory=dict)  # local path → folder in the run
    pictures: Mapping[str, str] = field(default_factory=dict)  # name → local path of a PNG
    inputs: Sequence[Input] = ()
    checkpoint: Path | str = ""  # of the final model
    verdict: str = ""
    note: str = ""

    @property
    def last_epoch(self) -> int:
        """The step that pictures and the model are logged at."""
        return int(self.curves[-1]["epoch"]) if self.curves else 0


class Store:
    """The tracking server, or the SQLite file at the repository's root, and one experiment in it."""

    def __init__(self, experiment: str) -> None:
        root = workspace()
        self.lock = FileLock(root / ".mlflow.lock")
        uri = os.environ.get("MLFLOW_TRACKING_URI")
        # Two processes that create the database or the experiment at the same time crash.
        with self.lock:
            self.client = MlflowClient(uri or f"sqlite:///{root / 'mlflow.db'}")
            found = self.client.get_experiment_by_name(experiment)
            artifacts = None if uri else (root / "mlartifacts").as_uri()
            self.experiment_id = (
                found.experiment_id if found else self.client.create_experiment(experiment, artifacts)
            )

    def create(self, report: RunContent, extra_tags: Mapping[str, str]) -> str:
        """Returns the id of a new run with the report's name, params and tags."""
        run = self.client.create_run(
            self.experiment_id, tags={**report.tags, **extra_tags}, run_name=report.name
        )
        self.write(run.info.run_id, report)
        return run.info.run_id

    def write(self, run_id: str, report: RunContent) -> None:
        """Adds what the run does not have yet; values that it has are equal, or `holds_another` said so."""
        run = self.client.get_run(run_id)
        params = {key: param_text(value) for key, value in flatten_params(report.params).items()}
        now = int(time.time() * 1000)
        self.client.log_batch(
            run_id,
            metrics=[Metric(k, v, now, 0) for k, v in report.metrics.items() if k not in run.data.metrics],
            params=[Param(k, v) for k, v in params.items() if k not in run.data.params],
            tags=[RunTag(k, v) for k, v in _tags(run, report).items()],
        )
        self.curves(run_id, report.curves)
        self.client.log_inputs(run_id, [_dataset(found) for found in report.inputs])
        for path, folder in report.artifacts.items():
            self.client.log_artifact(run_id, path, folder)
        self._show(run_id, report)
        # Last: a server of before MLflow 3 has everything else by then.
        if report.checkpoint and not run.outputs.model_outputs:
            self._model(run_id, report, now)

    def _show(self, run_id: str, report: RunContent) -> None:
        """Logs pictures a second time, where MLflow's image grid sets those of several runs side by side."""
        there = " ".join(Path(found.path).name for found in self.client.list_artifacts(run_id, "images"))
        step = report.last_epoch
        for name, path in report.pictures.items():
            if f"{name.replace('/', '~')}+step+{step}+" not in there:
                with Image.open(path) as image:
                    self.client.log_image(run_id, image, key=name, step=step)

    def _model(self, run_id: str, report: RunContent, now: int) -> None:
        """Logs the final model, which `mlflow.pyfunc.load_model("runs:/<run_id>/model")` loads.

        `now` is when the run's metrics were logged: at the same time, they are not there twice.
        """
        params = {key: param_text(value) for key, value in flatten_params(report.params).items()}
        logged = self.client.create_logged_model(
            self.experiment_id, MODEL, run_id, tags=dict(report.tags), params=params, model_type="VAE"
        )
        with tempfile.TemporaryDirectory() as folder:
            made = Model(run_id=run_id, model_id=logged.model_id, model_uuid=logged.model_id)
            _package(Path(folder) / MODEL, made, report)
            self.client.log_model_artifacts(logged.model_id, str(Path(folder) / MODEL))
        self.client.finalize_logged_model(logged.model_id, "READY")
        self.client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, report.last_epoch)])
        measured = [
            Metric(k, v, now, 0, model_id=logged.model_id)
            for k, v in report.metrics.items()
            if k.startswith(MEASURED)
        ]
        self.client.log_batch(run_id, measured)

    def watch(self, run_id: str) -> Any:
        """Returns what logs the machine's use into the run every 10 s, or None where that cannot be had.

        It says nothing of its own, and ends at its `finish()`.
        """
        with contextlib.suppress(Exception):  # psutil is not there, or cannot read this system
            from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

            logging.getLogger(SystemMetricsMonitor.__module__).setLevel(logging.CRITICAL)
            watching = SystemMetricsMonitor(
                run_id, resume_logging=True, tracking_uri=self.client.tracking_uri
            )
            watching.start()
            return watching
        return None

    def curves(self, run_id: str, curves: Sequence[Mapping[str, float]]) -> None:
        """Logs the epochs that the run does not have yet."""
        logged = {metric.step for metric in self.client.get_metric_history(run_id, "valid_elbo")}
        now = int(time.time() * 1000)
        new = [row for row in curves if row["epoch"] not in logged]
        points = [Metric(k, v, now, int(row["epoch"])) for row in new for k, v in row.items() if k != "epoch"]
        for start in range(0, len(points), 1000):
            self.client.log_batch(run_id, metrics=points[start : start + 1000])

    def find(self, run_id: str) -> Run | None:
        """Returns the run, or None where this store does not have it."""
        try:
            run = self.client.get_run(run_id)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return None
        return run if run.info.lifecycle_stage == "active" else None

    def children(self, run_id: str) -> list[Run]:
        """Returns the runs that share the training of `run_id`."""
        return self.client.search_runs([self.experiment_id], f"tags.`{TRAINING_RUN}` = '{run_id}'")


def holds_another(run: Run, report: RunContent) -> bool:
    """Returns whether `run` already has other params, metrics or another DVC experiment than `report`."""
    params = {key: param_text(value) for key, value in flatten_params(report.params).items()}
    experiment = {k: v for k, v in report.tags.items() if k == "dvc.experiment"}
    pairs = ((run.data.params, params), (run.data.metrics, report.metrics), (run.data.tags, experiment))
    return any(has.get(key, value) != value for has, wants in pairs for key, value in wants.items())


def _tags(run: Run, report: RunContent) -> dict[str, str]:
    """Returns the tags that `run` does not have, and those that are of its last report."""
    new = {key: value for key, value in report.tags.items() if key not in run.data.tags}
    note = renewed(run.data.tags.get(NOTE, ""), report.note) if report.note else ""
    return new | {key: value for key, value in (("verdict", report.verdict), (NOTE, note)) if value}


def _dataset(found: Input) -> DatasetInput:
    dataset = Dataset(found.name, found.digest, found.source_type, found.source, found.schema, found.profile)
    return DatasetInput(dataset, [InputTag("mlflow.data.context", found.context)])


def _package(folder: Path, made: Model, report: RunContent) -> None:
    """Writes the model of a checkpoint, without what only its training needs, and how it is loaded."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "model.pt"
        shape = checkpoints.write_model_alone(report.checkpoint, path)
        images = Schema([TensorSpec(np.dtype("float32"), (-1, *shape))])
        with warnings.catch_warnings(action="ignore", category=UserWarning):  # asks for an input example
            pyfunc.save_model(
                folder,
                loader_module="vaeline.tracking.trained",
                data_path=path,
                mlflow_model=made,
                signature=ModelSignature(images, params=METHOD),
                pip_requirements=[f"{package}=={version(package)}" for package in NEEDED],
            )
    commit = report.tags.get("git.commit", "")
    write_text(folder / "README.md", README.format(commit=f" of commit {commit}" if commit else ""))


README = """\
Loads where the package vaeline is installed, in its state{commit}.

    model = mlflow.pyfunc.load_model("<this folder>").unwrap_python_model()
    model.sample(16), model.encode(images), model.reconstruct(images)
"""
