"""A training that starts from the weights of another."""

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from vaeline.core.errors import VaelineError
from vaeline.core.params import Hyperparameters
from vaeline.models import checkpoints
from vaeline.models.contracts import Model
from vaeline.provenance.dependencies import dependency_hash

RANDOM = str(Hyperparameters.model_fields["init_from"].default)
"""The `init_from` of a training that starts from random weights."""


def start_from_checkpoint(model: Model, init_from: str) -> None:
    """Gives `model` the weights of the checkpoint `init_from`, unless that is RANDOM.

    Those are the weights that were evaluated: the moving average, if that training had one. Nothing else of
    the training goes on: neither its optimizer nor its schedules.

    Raises:
        VaelineError: where there is no such checkpoint, or a weight of it does not fit.
    """
    if init_from == RANDOM:
        return
    if not Path(init_from).is_file():
        raise VaelineError(
            f"init_from = '{init_from}': there is no such file: copy a checkpoint there, or start from random "
            f"weights, `dvc exp run -S init_from={RANDOM}`"
        )
    weights = checkpoints.read_weights(init_from)
    if misfit := _first_misfit(model.state_dict(), weights):
        raise VaelineError(
            f"init_from = '{init_from}': {misfit}: train a model with the params of that checkpoint, or start "
            f"from random weights, `dvc exp run -S init_from={RANDOM}`"
        )
    model.load_state_dict(weights)


def warm_start_tags(init_from: str) -> dict[str, str]:
    """Returns which checkpoint a training started from; nothing if its weights were random."""
    if init_from == RANDOM:
        return {}
    return {"init_from": init_from, "init_from.md5": dependency_hash(init_from)}


def _first_misfit(own: Mapping[str, Tensor], weights: Mapping[str, Tensor]) -> str:
    """Returns what is wrong with the first weight that does not fit a model, or an empty string."""
    for name, value in own.items():
        if name not in weights:
            return f"it has no '{name}', which this model has"
        if weights[name].shape != value.shape or weights[name].dtype != value.dtype:
            return f"'{name}' is {_kind(weights[name])} there, and {_kind(value)} in this model"
        if not weights[name].isfinite().all():
            return f"'{name}' holds NaN or infinity"
    more = [name for name in weights if name not in own]
    return f"it has '{more[0]}', which this model has not" if more else ""


def _kind(value: Tensor) -> str:
    """Returns shape and type, such as `400×784 float32`."""
    shape = "×".join(map(str, value.shape)) or "one"
    return f"{shape} {str(value.dtype).removeprefix('torch.')}"
