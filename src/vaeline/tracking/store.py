"""The MLflow store: a tracking server, or an SQLite file at the repository's root."""

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from filelock import FileLock

from vaeline.provenance import flat, text
from vaeline.stage import workspace

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
# A server that does not answer is given up on within seconds rather than minutes: training must go on.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, Run, RunTag
from mlflow.exceptions import MlflowException

TRAINING_RUN = "vaeline.training_run"


@dataclass
class Report:
    """What a run is to hold: nested `params`, `metrics` by name, `curves` one mapping an epoch, and files."""

    name: str
    params: Mapping[str, Any]
    tags: Mapping[str, str]
    metrics: Mapping[str, float] = field(default_factory=dict)
    curves: Sequence[Mapping[str, float]] = ()
    artifacts: Mapping[str, str] = field(default_factory=dict)  # local path → folder in the run


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

    def create(self, report: Report, extra_tags: Mapping[str, str]) -> str:
        """Returns the id of a new run with the report's name, params and tags."""
        run = self.client.create_run(
            self.experiment_id, tags={**report.tags, **extra_tags}, run_name=report.name
        )
        self.write(run.info.run_id, report)
        return run.info.run_id

    def write(self, run_id: str, report: Report) -> None:
        """Adds what the run does not have yet; values that it has are equal, or `holds_another` said so."""
        run = self.client.get_run(run_id)
        params = {key: text(value) for key, value in flat(report.params).items()}
        now = int(time.time() * 1000)
        self.client.log_batch(
            run_id,
            metrics=[Metric(k, v, now, 0) for k, v in report.metrics.items() if k not in run.data.metrics],
            params=[Param(k, v) for k, v in params.items() if k not in run.data.params],
            tags=[RunTag(k, v) for k, v in report.tags.items() if k not in run.data.tags],
        )
        self.curves(run_id, report.curves)
        for path, folder in report.artifacts.items():
            self.client.log_artifact(run_id, path, folder)

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


def holds_another(run: Run, report: Report) -> bool:
    """Returns whether `run` already has other params, metrics or another DVC experiment than `report`."""
    params = {key: text(value) for key, value in flat(report.params).items()}
    experiment = {k: v for k, v in report.tags.items() if k == "dvc.experiment"}
    pairs = ((run.data.params, params), (run.data.metrics, report.metrics), (run.data.tags, experiment))
    return any(has.get(key, value) != value for has, wants in pairs for key, value in wants.items())
