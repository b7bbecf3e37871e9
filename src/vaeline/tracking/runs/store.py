"""The store of runs: a tracking server, or an SQLite file at the repository's root."""

import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from filelock import FileLock

from vaeline.core.params import flatten_params, param_text
from vaeline.runtime.stage import workspace
from vaeline.tracking.runs.content import RunContent
from vaeline.tracking.runs.inputs import RunInput
from vaeline.tracking.runs.mlflow_api import (
    Dataset,
    DatasetInput,
    InputTag,
    Metric,
    MlflowClient,
    MlflowException,
    Param,
    Run,
    RunTag,
)

TRAINING_RUN = "vaeline.training_run"
"""The tag that names the run of the training, in each other run that shares it."""
LOG_LATER = "outputs/ has everything; log it later with `dvc repro --force --single-item report`"
POINTS_AT_ONCE = 1000  # metrics in one request, at most: MLflow's own limit


def database() -> Path:
    """Returns the path of the SQLite file."""
    return workspace() / "mlflow.db"


class Store:
    """One experiment, in a tracking server or in the SQLite file."""

    def __init__(self, experiment: str) -> None:
        root = workspace()
        self.lock = FileLock(root / ".mlflow.lock")
        uri = os.environ.get("MLFLOW_TRACKING_URI")
        # Two processes that create the database or the experiment at the same time crash.
        with self.lock:
            self.client = MlflowClient(uri or f"sqlite:///{database()}")
            existing = self.client.get_experiment_by_name(experiment)
            artifacts = None if uri else (root / "mlartifacts").as_uri()
            self.experiment_id: str = (
                existing.experiment_id if existing else self.client.create_experiment(experiment, artifacts)
            )

    def create(self, content: RunContent, extra_tags: Mapping[str, str]) -> str:
        """Returns the id of a new run with the name and the tags of `content`, and nothing else of it."""
        run = self.client.create_run(
            self.experiment_id, tags={**content.tags, **extra_tags}, run_name=content.name
        )
        return run.info.run_id

    def write(self, run_id: str, content: RunContent, milliseconds: int) -> None:
        """Adds the params, metrics, tags, curves, inputs and files that the run lacks.

        Args:
            run_id: A run for which `holds_another` is false: the values that it has are equal.
            content: What the run is to hold.
            milliseconds: The time of the metrics, since the epoch.
        """
        run = self.client.get_run(run_id)
        params = {key: param_text(value) for key, value in flatten_params(content.params).items()}
        self.client.log_batch(
            run_id,
            metrics=[
                Metric(key, value, milliseconds, 0)
                for key, value in content.metrics.items()
                if key not in run.data.metrics
            ],
            params=[Param(key, value) for key, value in params.items() if key not in run.data.params],
            tags=[RunTag(key, value) for key, value in content.tags.items() if key not in run.data.tags],
        )
        self.curves(run_id, content.curves)
        self.client.log_inputs(run_id, [_dataset(split) for split in content.inputs])
        for path, folder in content.artifacts.items():
            self.client.log_artifact(run_id, path, folder)

    def curves(self, run_id: str, curves: Sequence[Mapping[str, float]]) -> None:
        """Logs the epochs that the run lacks."""
        logged = {metric.step for metric in self.client.get_metric_history(run_id, "valid_elbo")}
        now = milliseconds_now()
        points = [
            Metric(key, value, now, int(row["epoch"]))
            for row in curves
            if row["epoch"] not in logged
            for key, value in row.items()
            if key != "epoch"
        ]
        for start in range(0, len(points), POINTS_AT_ONCE):
            self.client.log_batch(run_id, metrics=points[start : start + POINTS_AT_ONCE])

    def find(self, run_id: str) -> Run | None:
        """Returns the run, or None if this store does not have it."""
        try:
            run = self.client.get_run(run_id)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return None
        return run if run.info.lifecycle_stage == "active" else None

    def children(self, run_id: str) -> list[Run]:
        """Returns the runs that share the training of `run_id`."""
        return list(self.client.search_runs([self.experiment_id], f"tags.`{TRAINING_RUN}` = '{run_id}'"))


def holds_another(run: Run, content: RunContent) -> bool:
    """Returns whether `run` has other params, other metrics or another DVC experiment than `content`."""
    params = {key: param_text(value) for key, value in flatten_params(content.params).items()}
    experiment = {key: value for key, value in content.tags.items() if key == "dvc.experiment"}
    pairs = ((run.data.params, params), (run.data.metrics, content.metrics), (run.data.tags, experiment))
    return any(has.get(key, value) != value for has, wanted in pairs for key, value in wanted.items())


def milliseconds_now() -> int:
    """Returns the time in milliseconds since the epoch, as MLflow counts it."""
    return int(time.time() * 1000)


def warn_not_logged(error: Exception, consequence: str = "") -> None:
    """Prints one line: that MLflow failed, and how to log the run later."""
    reason = str(error).splitlines()[0][:160] if str(error) else ""
    print(f"MLflow: not logged ({type(error).__name__}: {reason}); {consequence}{LOG_LATER}", file=sys.stderr)


def _dataset(split: RunInput) -> DatasetInput:
    dataset = Dataset(split.name, split.digest, split.source_type, split.source, split.schema, split.profile)
    return DatasetInput(dataset, [InputTag("mlflow.data.context", split.context)])
