"""The final model of a run, packaged so that MLflow loads it."""

import tempfile
from importlib.metadata import version
from pathlib import Path

import vaeline
from vaeline.core.files import write_text
from vaeline.models import checkpoints, contracts
from vaeline.tracking.runs.content import RunContent
from vaeline.tracking.runs.mlflow_api import (
    LoggedModel,
    LoggedModelOutput,
    Metric,
    MlflowClient,
    Model,
    pyfunc,
)
from vaeline.tracking.runs.store import Store
from vaeline.tracking.runs.uploads import time_to_upload
from vaeline.tracking.runs.values import kept_params, kept_tags
from vaeline.tracking.signature import request_example, request_signature

MODEL = "model"
"""The name of the model that a run logs."""
PACKAGE = Path(vaeline.__file__).parent
# By the model, beside MLflow and what that needs.
NEEDED = ("torch", "numpy", "pandas", "pydantic", "ruamel.yaml", "tqdm", "uvicorn", "zuko")
MEASURED = ("evaluate/", "fid/", "diagnose/")  # prefixes of the metrics of the trained model
README = """\
Made by vaeline{commit}, whose code is in the folder code. Serve it, or load it:

    mlflow models serve -m <this folder> --env-manager uv
    model = mlflow.pyfunc.load_model("<this folder>").unwrap_python_model()
    model.sample(16), model.encode(images), model.reconstruct(images), model.score(images)
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
        with time_to_upload(Path(folder) / MODEL):
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


def _package(folder: Path, description: Model, content: RunContent) -> None:
    """Writes the model of a checkpoint, without the state that only training needs."""
    commit = content.tags.get("git.commit", "")
    write_mlflow_model(checkpoints.load(content.checkpoint), folder, description, commit)


def write_mlflow_model(
    trained: contracts.Model, folder: Path, description: Model | None = None, commit: str = ""
) -> None:
    """Writes an MLflow model that needs neither this repository nor this package where it is loaded.

    Args:
        trained: A model that comes from a checkpoint.
        folder: Where to write it, which must not exist.
        description: What MLflow is to know of it besides.
        commit: The commit of the code that it was made with, or "".
    """
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "model.pt"
        checkpoints.save_model(path, trained)
        pyfunc.save_model(
            folder,
            loader_module="vaeline.tracking.trained",
            data_path=path,
            code_paths=[str(PACKAGE)],
            mlflow_model=description or Model(),
            signature=request_signature(trained),
            input_example=request_example(trained),
            pip_requirements=[f"{package}=={version(package)}" for package in NEEDED],
        )
    write_text(folder / "README.md", README.format(commit=f" at commit {commit}" if commit else ""))
