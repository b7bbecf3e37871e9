"""Exports a trained model in one of several formats."""

from collections.abc import Callable
from pathlib import Path

from vaeline.core.errors import VaelineError
from vaeline.core.files import write_text
from vaeline.evaluation.trained import TrainedModel
from vaeline.serving.card import model_card
from vaeline.serving.folder import write_model
from vaeline.serving.loading import load_trained
from vaeline.serving.onnx_files import write_onnx
from vaeline.serving.reports import find_report


def _write_folder(trained: TrainedModel, folder: Path) -> None:
    write_model(trained.model, folder)


def _write_onnx(trained: TrainedModel, folder: Path) -> None:
    write_onnx(trained.model, folder)


def _write_mlflow(trained: TrainedModel, folder: Path) -> None:
    from vaeline.tracking.packaging import write_mlflow_model  # imports MLflow, which takes seconds

    write_mlflow_model(trained.model, folder)


FORMATS: dict[str, Callable[[TrainedModel, Path], None]] = {
    "folder": _write_folder,
    "onnx": _write_onnx,
    "mlflow": _write_mlflow,
}


def export_model(source: str, kind: str, folder: Path, select: str = "best") -> list[Path]:
    """Writes a trained model into a folder, with a card that says what it is.

    Args:
        source: What `load` takes.
        kind: `folder` (safetensors and JSON), `onnx` or `mlflow`.
        folder: Where to; it must be missing or empty.
        select: `best` or `last`.

    Returns:
        The files, without those in folders of the folder.

    Raises:
        VaelineError: There is no such model or format, the folder holds something, or the model cannot be
            written in this format.
    """
    if kind not in FORMATS:
        raise VaelineError(f"--format {kind} is not one of {', '.join(FORMATS)}")
    if folder.exists() and any(folder.iterdir()):
        raise VaelineError(f"{folder} is not empty: choose another with --to, or remove it")
    trained = load_trained(source, select)
    FORMATS[kind](trained, folder)
    write_text(folder / "README.md", model_card(trained.model, folder, kind, find_report(trained)))
    return sorted(path for path in folder.iterdir() if path.is_file())
