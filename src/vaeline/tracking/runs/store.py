"""The store of runs: a tracking server, or an SQLite file at the repository's root."""

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence

from vaeline.core.errors import VaelineError
from vaeline.tracking.runs.content import RunContent
from vaeline.tracking.runs.database import database_lock, open_database
from vaeline.tracking.runs.inputs import RunInput
from vaeline.tracking.runs.location import artifacts_root, database, tracking_server
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
from vaeline.tracking.runs.uploads import time_to_upload
from vaeline.tracking.runs.values import kept_params, kept_tags, same_number

TRAINING_KEY = "vaeline.training"
"""The tag that names a training, in its own run: it is known before MLflow has given the run an id."""
TRAINING_RUN = "vaeline.training_run"
"""The tag that names the run of the training, in each other run that shares it."""
PARENT_RUN = "mlflow.parentRunId"
"""The tag by which MLflow shows a run below another."""
POINTS_AT_ONCE = 1000  # metrics in one request, at most: MLflow's own limit


class Store:
    """One experiment, in a tracking server or in the SQLite file."""

    def __init__(self, experiment: str) -> None:
        with self.alone():
            self.client = MlflowClient(tracking_server()) if tracking_server() else open_database()
            self.experiment_id = self._experiment(experiment)

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Keeps other processes from an SQLite file. A server keeps its users apart itself."""
        # Two processes that create the tables or the experiment at the same time crash.
        with contextlib.nullcontext() if tracking_server().startswith("http") else database_lock():
            yield

    def _experiment(self, name: str) -> str:
        artifacts = None if tracking_server() else artifacts_root().as_uri()
        existing = self.client.get_experiment_by_name(name)
        if existing is None:
            try:
                return self.client.create_experiment(name, artifacts)
            except MlflowException as error:
                existing = self.client.get_experiment_by_name(name)  # another process may have created it
                if existing is None:
                    raise error
        if existing.lifecycle_stage == "deleted":
            restore = f"mlflow experiments restore --experiment-id {existing.experiment_id}"
            local = "" if tracking_server() else f"MLFLOW_TRACKING_URI=sqlite:///{database().name} "
            raise VaelineError(
                f"the experiment {name!r} was deleted in MLflow: `{local}{restore}` restores it, and "
                "`-S experiment_name=NAME` chooses another"
            )
        return existing.experiment_id

    def create(self, content: RunContent, extra_tags: Mapping[str, str]) -> str:
        """Returns the id of a new run with the name and the tags of `content`, and nothing else of it."""
        tags = kept_tags({**content.tags, **extra_tags})
        run = self.client.create_run(self.experiment_id, tags=tags, run_name=content.name)
        return run.info.run_id

    def write(self, run_id: str, content: RunContent, milliseconds: int) -> None:
        """Adds the params, metrics, tags, curves, inputs and files that the run lacks.

        Args:
            run_id: A run for which `holds_another` is false: the values that it has are equal.
            content: What the run is to hold.
            milliseconds: The time of the metrics, since the epoch.
        """
        run = self.client.get_run(run_id)
        self.client.log_batch(
            run_id,
            metrics=[
                Metric(key, value, milliseconds, 0)
                for key, value in content.metrics.items()
                if key not in run.data.metrics
            ],
            params=_lacking_params(run, content),
            tags=[RunTag(k, v) for k, v in kept_tags(content.tags).items() if k not in run.data.tags],
        )
        self.curves(run_id, content.curves)
        self.client.log_inputs(run_id, [_dataset(split) for split in content.inputs])
        for path, folder in content.artifacts.items():
            self.upload(run_id, path, folder)

    def upload(self, run_id: str, path: str, folder: str) -> None:
        """Adds a file of any size to a folder of the run's artifacts."""
        with time_to_upload(path):
            self.client.log_artifact(run_id, path, folder)

    def claim(self, run: Run, content: RunContent) -> bool:
        """Logs the params that `run` lacks, and returns whether it now holds those of `content`.

        A param is never rewritten: of two processes that claim a run at the same time for experiments with
        different params, one gets it.
        """
        try:
            self.client.log_batch(run.info.run_id, params=_lacking_params(run, content))
        except MlflowException as error:
            if error.error_code != "INVALID_PARAMETER_VALUE":
                raise
        return not holds_another(self.client.get_run(run.info.run_id), content)

    def curves(self, run_id: str, curves: Sequence[Mapping[str, float]]) -> None:
        """Logs the epochs that the run lacks."""
        logged = {metric.step for metric in self.client.get_metric_history(run_id, "train_loss")}
        now = milliseconds_now()
        lacking = [row for row in curves if row["epoch"] not in logged]
        # An epoch goes as a whole: it counts as logged if its training loss is.
        together = max(1, POINTS_AT_ONCE // max(map(len, lacking), default=1))
        for start in range(0, len(lacking), together):
            points = [
                Metric(key, value, now, int(row["epoch"]))
                for row in lacking[start : start + together]
                for key, value in row.items()
                if key != "epoch"
            ]
            self.client.log_batch(run_id, metrics=points)

    def find(self, run_id: str) -> Run | None:
        """Returns the run, or None if this store does not have it."""
        try:
            run = self.client.get_run(run_id)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return None
        return run if run.info.lifecycle_stage == "active" else None

    def finish(self, run_id: str, status: str = "FINISHED") -> None:
        """Ends a run; one that has ended before keeps its end."""
        if self.client.get_run(run_id).info.end_time is None:
            self.client.set_terminated(run_id, status)
        else:
            self.client.update_run(run_id, status=status)

    def training(self, key: str) -> Run | None:
        """Returns the run of a training, by its id or its tag, or None if this store does not have it.

        A server that took too long to answer may have created the run twice: the emptier one is deleted.
        """
        if run := self.find(key):
            return run
        runs = sorted(self.tagged(TRAINING_KEY, key), key=_fullness, reverse=True)
        for surplus in runs[1:]:
            self.client.delete_run(surplus.info.run_id)
        return runs[0] if runs else None

    def children(self, training_run: str) -> list[Run]:
        """Returns the runs that share the training of `training_run`."""
        return self.tagged(TRAINING_RUN, training_run)

    def tagged(self, tag: str, value: str) -> list[Run]:
        """Returns the runs of the experiment with this value of a tag."""
        return list(self.client.search_runs([self.experiment_id], f"tags.`{tag}` = '{value}'"))


def holds_another(run: Run, content: RunContent) -> bool:
    """Returns whether `run` has other params, other metrics or another DVC experiment than `content`."""
    experiment = {key: value for key, value in content.tags.items() if key == "dvc.experiment"}
    texts = ((run.data.params, kept_params(content.params)), (run.data.tags, kept_tags(experiment)))
    numbers = run.data.metrics
    return any(has.get(key, value) != value for has, wanted in texts for key, value in wanted.items()) or any(
        key in numbers and not same_number(numbers[key], value) for key, value in content.metrics.items()
    )


def milliseconds_now() -> int:
    """Returns the time in milliseconds since the epoch, as MLflow counts it."""
    return int(time.time() * 1000)


def _fullness(run: Run) -> tuple[int, str]:
    return len(run.data.params) + len(run.data.metrics), run.info.run_id


def _lacking_params(run: Run, content: RunContent) -> list[Param]:
    return [Param(k, v) for k, v in kept_params(content.params).items() if k not in run.data.params]


def _dataset(split: RunInput) -> DatasetInput:
    dataset = Dataset(split.name, split.digest, split.source_type, split.source, split.schema, split.profile)
    return DatasetInput(dataset, [InputTag("mlflow.data.context", split.context)])
