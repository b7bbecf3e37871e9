"""A training that starts from the weights of another."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor

from vaeline.core.errors import VaelineError
from vaeline.core.params import Hyperparameters, flatten_params
from vaeline.models import checkpoints
from vaeline.models.contracts import Model
from vaeline.provenance.commands import exp_run_command
from vaeline.provenance.dependencies import dependency_hash

RANDOM = str(Hyperparameters.model_fields["init_from"].default)
"""The `init_from` of a training that starts from random weights."""
MODEL_PARAMS = ("hidden_dim", "latent_dim", "model", "network", "posterior", "prior", "likelihood")
"""The params that a model is built from."""


class WarmStartParams(Protocol):
    """What a warm start reads of params.yaml; all of it goes into messages."""

    @property
    def init_from(self) -> str:
        """A checkpoint, or RANDOM."""

    def to_dict(self) -> dict[str, Any]:
        """Returns all params as plain values."""


def start_from_checkpoint(model: Model, params: WarmStartParams) -> None:
    """Gives `model` the weights of the checkpoint `params.init_from`, unless that is RANDOM.

    Those are the weights that were evaluated: the moving average, if that training had one. Nothing else of
    that training goes on, neither its optimizer nor its schedules.

    Raises:
        VaelineError: where there is no such checkpoint, or a weight of it does not fit.
    """
    path = params.init_from
    if path == RANDOM:
        return
    if not Path(path).is_file():
        raise VaelineError(
            f"init_from = '{path}': there is no such file: name a checkpoint, or start from random weights, "
            f"`{exp_run_command({'init_from': RANDOM})}`"
        )
    weights = checkpoints.read_weights(path)
    if misfit := _first_misfit(model.state_dict(), weights):
        raise VaelineError(f"init_from = '{path}': {misfit}: {_remedy(path, params)}")
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


def _remedy(path: str, params: WarmStartParams) -> str:
    """Returns the command that builds the model of the checkpoint, if its params are others."""
    of_checkpoint, own = (
        flatten_params({key: config[key] for key in MODEL_PARAMS if key in config})
        for config in (checkpoints.read_checkpoint(path)["config"], params.to_dict())
    )
    changes = {key: value for key, value in of_checkpoint.items() if own.get(key, value) != value}
    if not changes:
        return f"it is of other data: use another, or none, `{exp_run_command({'init_from': RANDOM})}`"
    return f"build its model, `{exp_run_command({'init_from': path, **changes})}`"


def _kind(value: Tensor) -> str:
    """Returns shape and type, such as `400×784 float32`."""
    shape = "×".join(map(str, value.shape)) or "one"
    return f"{shape} {str(value.dtype).removeprefix('torch.')}"
