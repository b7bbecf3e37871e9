"""A model and its objective, built from the params of a stage and the prepared data."""

from collections.abc import Mapping
from typing import Any, Protocol

from pydantic import BaseModel
from torch.nn.modules.batchnorm import _BatchNorm

from vaeline.core.errors import VaelineError
from vaeline.core.scaling import AnyScaling
from vaeline.data.prepared import Split
from vaeline.evaluation.observing import start_from
from vaeline.models.catalog import MODELS
from vaeline.models.contracts import EventShape, Model
from vaeline.models.priors.vamp import Vamp
from vaeline.runtime.devices import device
from vaeline.training.objectives.catalog import OBJECTIVES
from vaeline.training.objectives.limits import reject_lone_image
from vaeline.training.objectives.objective import Objective


class ObjectiveParams(Protocol):
    """The params that an objective is built from."""

    @property
    def objective(self) -> Mapping[str, Any] | BaseModel:
        """The section of params.yaml."""

    @property
    def free_bits(self) -> float:
        """Nats a dimension."""

    @property
    def batch_size(self) -> int:
        """Images in a batch."""


class BuildParams(ObjectiveParams, Protocol):
    """The params that a model and its objective are built from; a model reads further sections itself."""

    @property
    def model(self) -> Mapping[str, Any] | BaseModel:
        """The section of params.yaml."""

    @property
    def device(self) -> str:
        """`auto`, `cpu` or `cuda`."""


class TrainingData(Protocol):
    """What a model is built from of a data set; `data.prepared.Prepared` is one."""

    @property
    def shape(self) -> EventShape:
        """Shape of one observation."""

    @property
    def classes(self) -> tuple[str, ...]:
        """The name of each label."""

    @property
    def scaling(self) -> AnyScaling:
        """What the stored values are."""

    @property
    def train(self) -> Split:
        """The training split."""


def build(params: BuildParams, data: TrainingData) -> tuple[Model, Objective]:
    """Returns the model and the objective that `params` name, on the device that they name.

    The model starts where the training data tell it to, see `start_from`.

    Raises:
        VaelineError: for choices that do not go together.
    """
    model: Model = MODELS.build(
        params.model,
        config=params,
        event_shape=data.shape,
        classes=len(data.classes),
        scaling=data.scaling,
    )
    if any(isinstance(part, _BatchNorm) for part in model.modules()):
        _reject_what_batch_norm_cannot_do(model, len(data.train), params.batch_size)
    start_from(model.to(device(params.device)), data.train)
    return model, build_objective(params, model.latent_dim, len(data.train))


def _reject_what_batch_norm_cannot_do(model: Model, images: int, batch_size: int) -> None:
    """Raises VaelineError if BatchNorm would meet a single image, or a single pseudo-input, in training."""
    reject_lone_image(images, batch_size, "network.batch_norm needs at least two")
    if any(isinstance(part, Vamp) and len(part.inputs) == 1 for part in model.modules()):
        raise VaelineError(
            "prior.vamp.components = 1 is a single pseudo-input, and network.batch_norm needs at least two: "
            "use more, `dvc exp run -S prior.vamp.components=2`"
        )


def build_objective(params: ObjectiveParams, latent_dim: int, images: int) -> Objective:
    """Returns the objective that `params` name, for a z of `latent_dim` dimensions and `images` to train on.

    Raises:
        VaelineError: for what the objective cannot do.
    """
    objective: Objective = OBJECTIVES.build(
        params.objective,
        free_bits=params.free_bits,
        latent_dim=latent_dim,
        images=images,
        batch_size=params.batch_size,
    )
    return objective
