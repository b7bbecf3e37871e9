"""The final model of a run, packaged so that MLflow loads it."""

import tempfile
import warnings
from importlib.metadata import version
from pathlib import Path

import numpy as np

from vaeline.core.files import write_text
from vaeline.models import checkpoints
from vaeline.tracking.runs.content import RunContent
from vaeline.tracking.runs.mlflow_api import (
    DataType,
    LoggedModel,
    LoggedModelOutput,
    Metric,
    MlflowClient,
    Model,
    ModelSignature,
    ParamSchema,
    ParamSpec,
    Schema,
    TensorSpec,
    pyfunc,
)
from vaeline.tracking.runs.store import Store
from vaeline.tracking.runs.values import kept_params, kept_tags

MODEL = "model"
NEEDED = ("torch", "numpy", "pydantic", "ruamel.yaml")  # by the model, beside this package
METHOD = ParamSchema([ParamSpec("method", DataType.string, "reconstruct")])
MEASURED = ("evaluate/", "fid/", "diagnose/")  # prefixes of the metrics of the trained model
README = """\
Needs the vaeline package{commit} to load.

    model = mlflow.pyfunc.load_model("<this folder>").unwrap_python_model()
    model.sample(16), model.encode(images), model.reconstruct(images)
"""


def log_model(store: Store, run_id: str, content: RunContent) -> None:
    """Logs the model of `content.checkpoint`, for `mlflow.pyfunc.load_model("runs:/<run_id>/model")`.

    One that a killed report has left PENDING, or without a link from its run, is completed.
    """
    client = store.client
    logged = _unlinked(store, run_id) or client.create_logged_model(
        store.experiment_id,
        MODEL,
        run_id,
        tags=kept_tags(content.tags),
        params=kept_params(content.params),
        model_type="VAE",
    )
    with tempfile.TemporaryDirectory() as folder:
        model = Model(run_id=run_id, model_id=logged.model_id, model_uuid=logged.model_id)
        _package(Path(folder) / MODEL, model, content)
        client.log_model_artifacts(logged.model_id, str(Path(folder) / MODEL))
    client.finalize_logged_model(logged.model_id, "READY")
    _log_measures(client, run_id, logged.model_id, content)
    client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, content.last_epoch)])


def _unlinked(store: Store, run_id: str) -> LoggedModel | None:
    """Returns a model of a run that has none among its outputs."""
    models = store.client.search_logged_models([store.experiment_id], f"source_run_id = '{run_id}'")
    return models[0] if models else None


def _log_measures(client: MlflowClient, run_id: str, model_id: str, content: RunContent) -> None:
    """Logs the metrics of the trained model for the model too."""
    measured = {key: value for key, value in content.metrics.items() if key.startswith(MEASURED)}
    if measured:
        # The same value of a metric, at the same time, is not a second point of the run.
        logged_at = client.get_metric_history(run_id, next(iter(measured)))[0].timestamp
        metrics = [Metric(key, value, logged_at, 0, model_id=model_id) for key, value in measured.items()]
        client.log_batch(run_id, metrics)


def _package(folder: Path, model: Model, content: RunContent) -> None:
    """Writes the model of a checkpoint, without the state that only training needs."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "model.pt"
        shape = checkpoints.write_model_only(content.checkpoint, path)
        images = Schema([TensorSpec(np.dtype("float32"), (-1, *shape))])
        with warnings.catch_warnings(action="ignore", category=UserWarning):  # asks for an input example
            pyfunc.save_model(
                folder,
                loader_module="vaeline.tracking.trained",
                data_path=path,
                mlflow_model=model,
                signature=ModelSignature(images, params=METHOD),
                pip_requirements=[f"{package}=={version(package)}" for package in NEEDED],
            )
    commit = content.tags.get("git.commit", "")
    write_text(folder / "README.md", README.format(commit=f" of commit {commit}" if commit else ""))
