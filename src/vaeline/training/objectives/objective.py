"""What every objective must have: the base class to derive a new one from."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from vaeline.data.observations import Observations
from vaeline.models.contracts import Model
from vaeline.models.distributions.noise import Noise, global_noise
from vaeline.training.objectives.terms import Terms


class Objective(nn.Module, ABC):
    """What training minimises: a module whose call returns the `Terms` of a batch.

    It may have networks of its own. Their parameters that require a gradient are trained beside the model's,
    by the same optimizer, and are saved with the training.

    Context: `section`, the options in params.yaml; `free_bits`; `latent_dim`, the dimensions of the model's
    z; the number of training `images`; and the `batch_size`. What an objective cannot do it rejects in its
    constructor, see `limits`.

    Attributes:
        per_example: whether the loss is a mean over examples, each of which depends on its own image alone
            or on a mean over the whole batch (`batch_mean`). Only such an objective can be trained by several
            processes, each with its part of the batch.
    """

    per_example: bool = True

    __call__: Callable[..., Terms]

    @abstractmethod
    def forward(
        self, model: Model, x: Observations, beta: float | Tensor, noise: Noise = global_noise
    ) -> Terms:
        """Returns the loss and its terms.

        Args:
            model: the model to train.
            x: what it observes of a batch, [B, *event_shape] in [0, 1].
            beta: the weight of the KL, or of what the objective puts in its place.
            noise: what all random draws are made of.
        """

    def learned(self) -> dict[str, nn.Parameter]:
        """Returns by name the parameters that are trained beside the model's: for most objectives none."""
        return {name: value for name, value in self.named_parameters() if value.requires_grad}

    def learned_state(self) -> dict[str, Any]:
        """Returns the state to save with a training: empty where nothing is learned."""
        return self.state_dict() if self.learned() else {}

    def load_learned_state(self, state: dict[str, Any]) -> None:
        """Restores what `learned_state` returned."""
        if self.learned():
            self.load_state_dict(state)
