"""Checkpoints: written whole or not at all, read without running code, and rebuilt from their own params.

Example:
    >>> from vaeline.models import checkpoints
    >>> model = checkpoints.load("outputs/train/checkpoints/best.pt")  # doctest: +SKIP
    >>> model.sample(16).shape  # doctest: +SKIP
    torch.Size([16, 1, 28, 28])
"""

import zipfile
from pathlib import Path
from typing import Any, Protocol

import torch

from vaeline.core.errors import VaelineError
from vaeline.core.files import write_tensors
from vaeline.core.params import StageParams
from vaeline.data.prepared import Prepared
from vaeline.models.catalog import MODELS
from vaeline.models.contracts import Model

FORMAT = "vaeline checkpoint 1"
DIRECTORY = Path("outputs/train/checkpoints")


class CheckpointError(VaelineError):
    """A checkpoint that is missing, damaged or not one of vaeline's."""


class PlainParams(Protocol):
    """Params that can be saved."""

    def to_dict(self) -> dict[str, Any]:
        """Returns them as plain values."""


def model_facts(params: PlainParams, data: Prepared) -> dict[str, Any]:
    """Returns what a checkpoint needs besides the weights: the params, an image's shape, and the classes."""
    return {"config": params.to_dict(), "shape": list(data.shape), "classes": len(data.classes)}


def save_checkpoint(path: Path | str, content: dict[str, Any]) -> None:
    """Writes `content` atomically: `model_facts`, and under `training` the state of a training."""
    write_tensors(path, {"format": FORMAT, **content})


def read_checkpoint(path: Path | str) -> dict[str, Any]:
    """Returns a checkpoint's content on the CPU.

    Raises:
        CheckpointError: where the file is missing, damaged or not a checkpoint.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
        content = None if damaged else torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such checkpoint; `dvc repro train` makes it") from None
    except Exception as error:  # a damaged archive fails in as many ways as there are bytes
        raise CheckpointError(
            f"{path}: damaged checkpoint ({type(error).__name__}); use another or train again"
        ) from None
    if damaged:
        raise CheckpointError(
            f"{path}: damaged checkpoint (checksum of {damaged}); use another or train again"
        )
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise CheckpointError(f"{path}: not a checkpoint of vaeline's")
    return content


def load(path: Path | str) -> Model:
    """Returns the model in a checkpoint, in eval mode on the CPU: ready for `infer(x)` and `sample(n)`.

    It is built from the params that it was trained with, whatever params.yaml says now, and has them as its
    `config`.

    Raises:
        CheckpointError: where the file is missing or damaged, or does not fit this version.
    """
    content = read_checkpoint(path)
    try:
        config = StageParams(content["config"])
        shape, classes = tuple(content["shape"]), content["classes"]
        model = MODELS.build(config.model, config=config, event_shape=shape, classes=classes)
        model.load_state_dict(content["training"]["model"])
        model.config = config.to_dict()
    except KeyError as error:
        raise CheckpointError(f"{path}: incomplete checkpoint, without {error}") from None
    except (VaelineError, AttributeError) as error:
        reason = str(error).removeprefix("params.yaml: ")
        raise CheckpointError(f"{path}: its configuration is not of this version: {reason}") from None
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise CheckpointError(f"{path}: its weights do not fit its configuration: {reason}") from None
    return model.eval()


def write_model_only(path: Path | str, target: Path | str) -> tuple[int, int, int]:
    """Writes to `target` what `load` needs of a checkpoint, a third of it; returns an image's (C, H, W)."""
    content = read_checkpoint(path)
    kept = {key: content[key] for key in ("config", "shape", "classes")}
    save_checkpoint(target, {**kept, "training": {"model": content["training"]["model"]}})
    channels, height, width = content["shape"]
    return channels, height, width


def load_selected(select: str, directory: Path | str = DIRECTORY) -> Model:
    """Returns the trained model that `select` names: `best` by the validation ELBO, or `last`."""
    return load(Path(directory) / f"{select}.pt")
