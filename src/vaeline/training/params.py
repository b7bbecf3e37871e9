"""What a training reads of params.yaml."""

from collections.abc import Mapping
from typing import Any, Protocol

from pydantic import BaseModel

from vaeline.data.augmentation import AugmentationParams


class GradientParams(Protocol):
    """What the gradient of a step depends on."""

    @property
    def objective(self) -> Mapping[str, Any] | BaseModel:
        """The section, of which messages name the objective."""

    @property
    def batch_size(self) -> int:
        """Images in a minibatch; the last of an epoch may be smaller."""

    @property
    def accumulate(self) -> int:
        """Minibatches in an update; the last of an epoch may have fewer."""

    @property
    def batch_reduction(self) -> str:
        """`mean` or `sum`, over the images of an update."""

    @property
    def grad_clip(self) -> float:
        """The largest norm of a gradient; 0 for none."""

    @property
    def precision(self) -> str:
        """`float32` or `bfloat16`, of the networks' products."""

    @property
    def compile(self) -> str:
        """`auto`, `always` or `never`."""


class BatchParams(AugmentationParams, Protocol):
    """What the minibatches of an epoch depend on."""

    @property
    def seed(self) -> int:
        """Determines every random number of the training."""

    @property
    def batch_size(self) -> int:
        """Images in a minibatch."""

    @property
    def accumulate(self) -> int:
        """Minibatches in an update."""

    @property
    def shuffle(self) -> bool:
        """Whether each epoch has an order of its own."""


class BetaParams(Protocol):
    """What the weight of the KL depends on."""

    @property
    def beta(self) -> float:
        """The weight after the warm-up."""

    @property
    def epochs(self) -> int:
        """Epochs of the whole training."""

    @property
    def kl_warmup_epochs(self) -> float:
        """Epochs in which the weight rises from 0."""

    @property
    def kl_schedule(self) -> str:
        """`linear` or `cyclical`."""

    @property
    def kl_cycles(self) -> int:
        """How often a cyclical schedule begins again."""


class LearningRateParams(Protocol):
    """What the learning rate of each update depends on."""

    @property
    def learning_rate(self) -> float:
        """The largest learning rate of the schedule."""

    @property
    def lr_schedule(self) -> str:
        """A name in `LR_SCHEDULES`."""

    @property
    def lr_warmup_epochs(self) -> float:
        """Epochs in which the learning rate rises from 0."""

    @property
    def lr_plateau_patience(self) -> int:
        """Epochs without a higher validation ELBO, before `plateau` lowers the learning rate."""

    @property
    def lr_plateau_factor(self) -> float:
        """What `plateau` multiplies the learning rate by."""

    @property
    def epochs(self) -> int:
        """Epochs of the whole training."""


class StoppingParams(Protocol):
    """What decides when a training ends early."""

    @property
    def patience(self) -> int:
        """Epochs without a higher validation ELBO, before the training ends; 0 for no limit."""

    @property
    def stop_after(self) -> int:
        """The epoch that the training ends with, however many `epochs` its schedules have; 0 for none."""


class OptimizerParams(LearningRateParams, StoppingParams, Protocol):
    """What the updates of a training depend on, besides the gradient."""

    @property
    def optimizer(self) -> Mapping[str, Any] | BaseModel:
        """The section of params.yaml."""

    @property
    def weight_decay(self) -> float:
        """Of the optimizer."""

    @property
    def ema_decay(self) -> float:
        """Of the average of the weights; 0 for none."""

    @property
    def batch_size(self) -> int:
        """Images in a minibatch."""

    @property
    def accumulate(self) -> int:
        """Minibatches in an update."""


class TrainingParams(GradientParams, BatchParams, BetaParams, OptimizerParams, Protocol):
    """What a whole training reads."""

    @property
    def max_skipped_updates(self) -> int:
        """Updates that may be NaN or infinite before the training is stopped."""

    @property
    def val_every(self) -> int:
        """Epochs between two validations; the last epoch is always validated."""
