"""How two sets of features lie in each other: precision, recall, density and coverage."""

import numpy as np
from sklearn.metrics import pairwise_distances

NEAREST = 5  # neighbours that span the manifold around a point, as in Naeem et al. 2020


def manifold_scores(real: np.ndarray, generated: np.ndarray, source: str = "") -> dict[str, float]:
    """Returns the four, each with its standard error, for features [N, D] and [M, D].

    Around each point of a set lies a ball that reaches its fifth neighbour there. `precision` is the share of
    generated points in a ball of a real one, `recall` of real points in a ball of a generated one
    (Kynkäänniemi et al. 2019); `density` is in how many of the real balls a generated point lies, over five,
    and `coverage` the share of real balls with a generated point in them (Naeem et al. 2020), which neither
    outliers nor a wide spread can raise. `source` ends their names.
    """
    between = pairwise_distances(real, generated)
    inside_real = between <= _radii(real)[:, None]
    inside_generated = between <= _radii(generated)[None, :]
    return {
        **_mean(f"precision{source}", inside_real.any(0)),
        **_mean(f"recall{source}", inside_generated.any(1)),
        **_mean(f"density{source}", inside_real.sum(0) / NEAREST),
        **_mean(f"coverage{source}", inside_real.any(1)),
    }


def _radii(points: np.ndarray) -> np.ndarray:
    """Returns the distance of each of points [N, D] to its fifth neighbour, [N]."""
    return np.partition(pairwise_distances(points), NEAREST, axis=1)[:, NEAREST]  # the 0th is itself


def _mean(name: str, values: np.ndarray) -> dict[str, float]:
    error = np.std(values, ddof=1) / len(values) ** 0.5
    return {name: float(np.mean(values)), f"{name}_se": float(error)}
