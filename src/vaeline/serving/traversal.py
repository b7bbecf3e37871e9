"""Traversals: one latent dimension moved, the others as encoded."""

from dataclasses import dataclass

import numpy as np

from vaeline.evaluation.latent_use import dimension_table
from vaeline.evaluation.trained import TrainedModel
from vaeline.serving.reference import ReferenceImages

SPAN = 3.0  # standard deviations of the aggregate posterior, on either side


@dataclass(frozen=True)
class Dimension:
    """One dimension of z, and its aggregate posterior.

    Attributes:
        index: Which dimension.
        active: Whether Var over x of E[z|x] > 0.01 (Burda et al. 2016).
        centre: Mean of the aggregate posterior.
        scale: Its standard deviation.
    """

    index: int
    active: bool
    centre: float
    scale: float

    def points(self, steps: int) -> np.ndarray:
        """Returns `steps` values from −3 to 3 standard deviations about the mean."""
        return self.centre + self.scale * np.linspace(-SPAN, SPAN, steps)


def ranked_dimensions(trained: TrainedModel, reference: ReferenceImages) -> list[Dimension]:
    """Returns the dimensions of the z that `decode` takes, those with the highest KL first."""
    table = dimension_table(reference.latents)
    of_layer = table[table["dimension"] < trained.latent_dim]
    columns = ["dimension", "active_unit", "mu_mean", "aggregate_var"]
    return [
        Dimension(int(index), bool(active), float(centre), float(variance) ** 0.5)
        for index, active, centre, variance in of_layer[columns].to_numpy()
    ]


def traverse(
    trained: TrainedModel, z: np.ndarray, labels: np.ndarray | None, dimensions: list[Dimension], steps: int
) -> np.ndarray:
    """Returns E[x|z] along each of `dimensions`, [N, dimensions, steps, *event_shape].

    Args:
        trained: The model.
        z: What is held in the other dimensions, [N, latent_dim].
        labels: [N], for a model that is conditioned on them.
        dimensions: What is moved, one at a time.
        steps: Points from −3 to 3 standard deviations.
    """
    moved = np.tile(z[:, None, None], (1, len(dimensions), steps, 1))
    for place, dimension in enumerate(dimensions):
        moved[:, place, :, dimension.index] = dimension.points(steps)
    each = None if labels is None else np.repeat(labels, len(dimensions) * steps)
    decoded = trained.decode(moved.reshape(-1, trained.latent_dim), each)
    return decoded.reshape(*moved.shape[:3], *trained.event_shape)
