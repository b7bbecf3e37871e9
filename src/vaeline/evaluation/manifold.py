"""How two sets of features overlap: precision, recall, density and coverage."""

import numpy as np
from sklearn.metrics import pairwise_distances

NEAREST = 5  # neighbours that span the manifold around a point, as in Naeem et al. 2020


def manifold_scores(real: np.ndarray, generated: np.ndarray, suffix: str = "") -> dict[str, float]:
    """Returns the four scores, each with its standard error.

    Around each point of a set is a ball that reaches its fifth nearest neighbour in that set. `precision` is
    the share of generated points in a ball of a real one, `recall` of real points in a ball of a generated
    one; `density` is the number of real balls that a generated point is in, divided by five, and `coverage`
    the share of real balls with a generated point in them, which neither outliers nor a wide distribution can
    raise.

    Args:
        real: features [N, D].
        generated: features [M, D].
        suffix: end of the names of the scores.

    References:
        Kynkäänniemi et al. (2019) for precision and recall, Naeem et al. (2020) for density and coverage.
    """
    between = pairwise_distances(real, generated)
    inside_real = between <= _radii(real)[:, None]
    inside_generated = between <= _radii(generated)[None, :]
    return {
        **_mean(f"precision{suffix}", inside_real.any(0)),
        **_mean(f"recall{suffix}", inside_generated.any(1)),
        **_mean(f"density{suffix}", inside_real.sum(0) / NEAREST),
        **_mean(f"coverage{suffix}", inside_real.any(1)),
    }


def _radii(points: np.ndarray) -> np.ndarray:
    """Returns the distance of each of points [N, D] to its fifth nearest neighbour, [N]."""
    radii: np.ndarray = np.partition(pairwise_distances(points), NEAREST, axis=1)[:, NEAREST]
    return radii  # the 0th is the point itself


def _mean(name: str, values: np.ndarray) -> dict[str, float]:
    error = np.std(values, ddof=1) / len(values) ** 0.5
    return {name: float(np.mean(values)), f"{name}_se": float(error)}
