"""MLflow, spoken to from here alone.

`train` opens a run and logs its params and curves; `report` completes it, or, where the run already belongs
to another experiment that shares the training, opens a child run that is complete in itself. A tracking
server that cannot be reached costs one printed line: everything also stands in outputs/.
"""

import contextlib
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
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
LOG_LATER = "outputs/ has everything; log it later with `dvc repro --force --single-item report`"


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


class TrainingRun:
    """The run of a training; where the tracking server fails, it says so once and does nothing more."""

    def __init__(self) -> None:
        self.id = ""
        self._store: Store | None = None

    @classmethod
    @contextlib.contextmanager
    def open(cls, experiment: str, report: Report, resume: str = "") -> Iterator["TrainingRun"]:
        """Yields the run `resume` where it exists, else a new one; it ends FINISHED or FAILED."""
        run = cls()
        with run._tolerant():
            run._store = Store(experiment)
            if resume and run._store.find(resume):
                run.id = resume
                run._store.client.update_run(resume, status="RUNNING")
            else:
                run.id = run._store.create(report, {})
        try:
            yield run
        except BaseException:
            run._end("FAILED")
            raise
        run._end("FINISHED")

    def curves(self, rows: Sequence[Mapping[str, float]]) -> None:
        """Logs the epochs that the run does not have yet."""
        with self._tolerant():
            if self._store:
                self._store.curves(self.id, rows)

    def artifacts(self, paths: Mapping[str, str]) -> None:
        """Logs files, each into its folder."""
        with self._tolerant():
            for path, folder in paths.items() if self._store else ():
                self._store.client.log_artifact(self.id, path, folder)

    def _end(self, status: str) -> None:
        with self._tolerant():
            if self._store:
                self._store.client.set_terminated(self.id, status)

    @contextlib.contextmanager
    def _tolerant(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # whatever a server, a proxy or a database may raise
            self._store, self.id = None, ""
            print(
                f"MLflow: not reached ({_first_line(error)}); training goes on, {LOG_LATER}", file=sys.stderr
            )


def complete(experiment: str, training_run: str, report: Report) -> str:
    """Logs `report` and returns the run's id, or `` where the tracking server is not reached.

    The run of the training is completed where nothing in it would change; else a child run is opened, or
    the one that holds exactly this report found again.
    """
    try:
        store = Store(experiment)
        with store.lock:
            return _complete(store, training_run, report)
    except Exception as error:
        print(f"MLflow: not reached ({_first_line(error)}); {LOG_LATER}", file=sys.stderr)
        return ""


def _complete(store: Store, training_run: str, report: Report) -> str:
    parent = store.find(training_run) if training_run else None
    known = [run for run in (parent, *(store.children(training_run) if training_run else ())) if run]
    for run in known:
        if not holds_another(run, report):
            store.write(run.info.run_id, report)
            store.client.update_run(run.info.run_id, name=report.name)
            return run.info.run_id
    tags = {TRAINING_RUN: training_run} | ({"mlflow.parentRunId": training_run} if parent else {})
    run_id = store.create(report, tags)
    store.client.set_terminated(run_id)
    return run_id


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).splitlines()[0][:160] if str(error) else ''}"
