"""The final model of a run, packaged so that MLflow loads it."""

import tempfile
import warnings
from importlib.metadata import version
from pathlib import Path

import numpy as np

from vaeline.core.files import write_text
from vaeline.core.params import flatten_params, param_text
from vaeline.models import checkpoints
from vaeline.tracking.runs.content import RunContent
from vaeline.tracking.runs.mlflow_api import (
    DataType,
    LoggedModelOutput,
    Metric,
    Model,
    ModelSignature,
    ParamSchema,
    ParamSpec,
    Schema,
    TensorSpec,
    pyfunc,
)
from vaeline.tracking.runs.store import Store

MODEL = "model"
NEEDED = ("torch", "numpy", "pydantic", "ruamel.yaml")  # by the model, beside this package
METHOD = ParamSchema([ParamSpec("method", DataType.string, "reconstruct")])
MEASURED = ("evaluate/", "fid/", "diagnose/")  # prefixes of the metrics of the trained model
README = """\
Needs the vaeline package{commit} to load.

    model = mlflow.pyfunc.load_model("<this folder>").unwrap_python_model()
    model.sample(16), model.encode(images), model.reconstruct(images)
"""


def log_model(store: Store, run_id: str, content: RunContent, milliseconds: int) -> None:
    """Logs the model of `content.checkpoint`, for `mlflow.pyfunc.load_model("runs:/<run_id>/model")`.

    `milliseconds` is the time at which the run's metrics were logged: the same value of a metric, at the
    same time, is not a second point of the run.
    """
    client = store.client
    params = {key: param_text(value) for key, value in flatten_params(content.params).items()}
    logged = client.create_logged_model(
        store.experiment_id, MODEL, run_id, tags=dict(content.tags), params=params, model_type="VAE"
    )
    with tempfile.TemporaryDirectory() as folder:
        model = Model(run_id=run_id, model_id=logged.model_id, model_uuid=logged.model_id)
        _package(Path(folder) / MODEL, model, content)
        client.log_model_artifacts(logged.model_id, str(Path(folder) / MODEL))
    client.finalize_logged_model(logged.model_id, "READY")
    client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, content.last_epoch)])
    measured = [
        Metric(key, value, milliseconds, 0, model_id=logged.model_id)
        for key, value in content.metrics.items()
        if key.startswith(MEASURED)
    ]
    client.log_batch(run_id, measured)


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
