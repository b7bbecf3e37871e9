"""Checkpoints: written whole or not at all, read without running code, and rebuilt from their own params.

Example:
    >>> from vaeline.models import checkpoints
    >>> model = checkpoints.load("outputs/train/checkpoints/best.pt")  # doctest: +SKIP
    >>> model.sample(16).shape  # doctest: +SKIP
    torch.Size([16, 1, 28, 28])
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Protocol, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from torch import Tensor

from vaeline.core.errors import DamagedFileError, VaelineError
from vaeline.core.files import read_tensors, write_tensors
from vaeline.core.params import Hyperparameters, StageParams, validated
from vaeline.core.scaling import BYTES, Scaling
from vaeline.data.prepared import Prepared
from vaeline.models.catalog import MODELS
from vaeline.models.contracts import Model
from vaeline.runtime import processes

FORMAT = "vaeline checkpoint 1"
DIRECTORY = Path("outputs/train/checkpoints")
SELECTED = ("best", "last")
"""The checkpoints that every training leaves: the best by the validation ELBO, and the last."""
USE_ANOTHER = "use another or train again"


class CheckpointError(VaelineError):
    """A checkpoint that is missing, damaged or not one of vaeline's."""


class DamagedCheckpointError(DamagedFileError, CheckpointError):
    """A checkpoint whose content is not what was written into it."""


class PlainParams(Protocol):
    """Params that can be saved."""

    def to_dict(self) -> dict[str, Any]:
        """Returns them as plain values."""


def model_facts(params: PlainParams, data: Prepared) -> dict[str, Any]:
    """Returns what a checkpoint needs besides the weights: the params, and what the data are and are like."""
    return {
        "config": params.to_dict(),
        "shape": list(data.shape),
        "classes": len(data.classes),
        "scaling": data.scaling.model_dump(),
        "columns": list(data.columns),
        "trained_on": data.identity,
    }


def save_checkpoint(path: Path | str, content: dict[str, Any]) -> None:
    """Writes `content` atomically: `model_facts`, and under `training` the state of a training."""
    write_tensors(path, {"format": FORMAT, **content})


def read_checkpoint(path: Path | str) -> dict[str, Any]:
    """Returns a checkpoint's content on the CPU.

    Raises:
        CheckpointError: where the file is missing, damaged or not a checkpoint.
    """
    try:
        content = read_tensors(path)
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such checkpoint; `dvc repro train` makes it") from None
    except Exception as error:  # a damaged archive fails in as many ways as there are bytes
        raise DamagedCheckpointError(
            path, f"damaged checkpoint ({type(error).__name__})", USE_ANOTHER
        ) from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise CheckpointError(f"{path}: not a checkpoint of vaeline's")
    return content


def load(path: Path | str) -> Model:
    """Returns the model in a checkpoint, in eval mode on the CPU: ready for `infer(x)` and `sample(n)`.

    It is built from the params that it was trained with, whatever params.yaml says now, and has them as its
    `config`. Its `scaling` maps between what it observes and the units of the data.

    Raises:
        CheckpointError: where the file is missing or damaged, holds what is no finite weight of its model, or
            does not fit this version.
    """
    return _model_of(path, read_checkpoint(path))


def _model_of(path: Path | str, stored: Mapping[str, Any]) -> Model:
    content = _validated_content(path, _FactsAndWeights, stored)
    return rebuild(path, content.model_dump(exclude={"training"}), content.training.model)


def rebuild(path: Path | str, content: Mapping[str, Any], weights: Mapping[str, Tensor]) -> Model:
    """Returns the model that the `model_facts` in `content` describe, with its weights; see `load`.

    Args:
        path: what they were read from, to name in an error.
        content: `model_facts`; other keys do not count.
        weights: the state of the model.

    Raises:
        CheckpointError: as `load`.
    """
    facts = _validated_content(path, _ModelFacts, content)
    values = facts.config
    try:
        validated(Hyperparameters, {k: v for k, v in values.items() if k in Hyperparameters.model_fields})
        config = StageParams(values)
        shape, classes = tuple(facts.shape), facts.classes
        model = MODELS.build(
            config.model, config=config, event_shape=shape, classes=classes, scaling=facts.scaling
        )
    except (VaelineError, AttributeError) as error:
        reason = _brief(error).removeprefix("params.yaml: ")
        raise CheckpointError(f"{path}: its configuration is not of this version: {reason}") from None
    except (RuntimeError, ValueError, TypeError, OverflowError, MemoryError) as error:
        raise CheckpointError(f"{path}: no model can be built from it: {_brief(error)}") from None
    _load_weights(path, model, weights)
    model.config, model.columns, model.trained_on = config.to_dict(), tuple(facts.columns), facts.trained_on
    return model.eval()


def facts_of(model: Model) -> dict[str, Any]:
    """Returns the `model_facts` of a model that comes from a checkpoint."""
    return {
        "config": model.config,
        "shape": list(model.event_shape),
        "classes": model.classes,
        "scaling": model.scaling.model_dump(),
        "columns": list(model.columns),
        "trained_on": dict(model.trained_on),
    }


def save_model(path: Path | str, model: Model) -> None:
    """Writes what `load` needs of a model that comes from a checkpoint: a third of that."""
    save_checkpoint(path, {**facts_of(model), "training": {"model": model.state_dict()}})


def read_weights(path: Path | str) -> dict[str, Tensor]:
    """Returns the weights in a checkpoint, on the CPU; raises CheckpointError as `load` does for its file."""
    return _validated_content(path, _FactsAndWeights, read_checkpoint(path)).training.model


class _Content(BaseModel):
    """What `load` needs of a checkpoint."""

    model_config = ConfigDict(strict=True, arbitrary_types_allowed=True)


_ContentT = TypeVar("_ContentT", bound=_Content)


class _Training(_Content):
    model: dict[str, Tensor]


class _ModelFacts(_Content):
    config: dict[str, Any]
    shape: list[Annotated[int, Field(ge=1)]] = Field(min_length=1)
    classes: int = Field(ge=0)
    # Checkpoints of earlier versions lack these.
    scaling: Scaling = BYTES
    columns: list[str] = []
    trained_on: dict[str, str] = {}

    @model_validator(mode="after")
    def _as_many_names_as_columns(self) -> Self:
        if self.columns and [len(self.columns)] != self.shape:
            raise ValueError("columns has another number of names than an example has columns")
        return self


class _FactsAndWeights(_ModelFacts):
    training: _Training


def _validated_content(path: Path | str, kind: type[_ContentT], content: Mapping[str, Any]) -> _ContentT:
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        what = f"without '{key}'" if first["type"] == "missing" else f"'{key}': {first['msg'].lower()}"
        raise DamagedCheckpointError(path, f"incomplete model, {what}", USE_ANOTHER) from None


def _load_weights(path: Path | str, model: Model, weights: Mapping[str, Tensor]) -> None:
    """Copies `weights` to `model`; raises CheckpointError unless they are its own, and all finite."""
    own = model.state_dict()
    for name in own.keys() & weights.keys():
        # Would be copied all the same, but is not what was trained.
        if weights[name].dtype != own[name].dtype:
            raise CheckpointError(
                f"{path}: its weights do not fit its configuration: {name} is {weights[name].dtype}, not "
                f"{own[name].dtype}"
            )
    try:
        model.load_state_dict(weights)
    except (RuntimeError, NotImplementedError) as error:
        raise CheckpointError(f"{path}: its weights do not fit its configuration: {_brief(error)}") from None
    if broken := [name for name, value in own.items() if not value.isfinite().all()]:
        raise DamagedCheckpointError(path, f"{broken[0]} holds NaN or infinity", USE_ANOTHER)


def _brief(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def load_selected(select: str, directory: Path | str = DIRECTORY) -> Model:
    """Returns the trained model that `select` names: `best` by the validation ELBO, or `last`.

    Of several processes, which all call this, the first reads it: other hosts may not have it.
    """
    path = Path(directory) / f"{select}.pt"
    return _model_of(path, processes.by_first(lambda: read_checkpoint(path)))
