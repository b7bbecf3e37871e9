"""Loads a trained model from wherever it is."""

import tempfile
from pathlib import Path

from vaeline.core.errors import VaelineError
from vaeline.evaluation.trained import TrainedModel
from vaeline.models import checkpoints
from vaeline.serving.folder import is_exported, read_model
from vaeline.serving.revisions import fetch_from_revision

IN_MLFLOW = ("runs:/", "models:/")
WORKSPACE = "outputs/train"
MLFLOW_MODEL = "data/model.pt"  # in the folder of an MLflow model


def load_trained(source: Path | str = WORKSPACE, select: str = "best") -> TrainedModel:
    """Returns a trained model, ready to encode, reconstruct, sample, interpolate and score.

    Args:
        source: A folder that `vaeline export` wrote as `folder` or `mlflow`; a checkpoint (`….pt`); the
            folder of a training (`outputs/train`) or of the repository; `runs:/RUN_ID`,
            `models:/NAME/VERSION` or `models:/NAME@ALIAS` in MLflow; or the name of a DVC experiment, a
            branch or a commit of the repository in this folder.
        select: Of a training's checkpoints, `best` (by the validation ELBO) or `last`.

    Raises:
        VaelineError: There is no such model, or its files are damaged.
    """
    name = str(source)
    if name.startswith(IN_MLFLOW):
        from vaeline.tracking.logged import fetch_checkpoint  # imports MLflow, which takes seconds

        with tempfile.TemporaryDirectory() as folder:
            return _from_checkpoint(fetch_checkpoint(name, Path(folder)), name)
    path = Path(source)
    if path.is_dir():
        return TrainedModel(read_model(path), name) if is_exported(path) else _from_run(path, select)
    if path.exists() or path.suffix == ".pt":
        return _from_checkpoint(path, name)
    with tempfile.TemporaryDirectory() as folder:
        file = checkpoints.DIRECTORY / f"{select}.pt"
        return _from_checkpoint(fetch_from_revision(name, file, Path(folder)), name)


def _from_run(folder: Path, select: str) -> TrainedModel:
    """Returns the model of a run's folder: the root, `outputs/train`, or `checkpoints` itself."""
    if (folder / MLFLOW_MODEL).is_file():
        return _from_checkpoint(folder / MLFLOW_MODEL, str(folder))
    file = f"{select}.pt"
    places = [folder / place / file for place in ("", "checkpoints", checkpoints.DIRECTORY)]
    for path in places:
        if path.is_file():
            return _from_checkpoint(path, str(path))
    raise VaelineError(
        f"{folder}: no model here: neither an exported one nor a checkpoint {places[1]}; `dvc repro train` "
        "makes one, `dvc checkout` restores it"
    )


def _from_checkpoint(path: Path, source: str) -> TrainedModel:
    return TrainedModel(checkpoints.load(path), source)
