"""The Fréchet distance between Gaussians fitted to features, and its standard error, from features alone.

Dowson & Landau, "The Fréchet distance between multivariate normal distributions" (1982); for generated images
Heusel et al., "GANs trained by a two time-scale update rule" (2017), eq. 6.
"""

from typing import NamedTuple

import numpy as np
from scipy.linalg import eigh, eigvalsh
from scipy.linalg.blas import dtrmm
from scipy.linalg.lapack import dpstrf

# Directions with a smaller share of the largest variance are not spanned by the sample.
NEGLIGIBLE_VARIANCE = 1e-10


class Statistics(NamedTuple):
    """Mean and covariance of the features of one half."""

    mean: np.ndarray
    """float64 [D]."""
    covariance: np.ndarray
    """float64 [D, D], divided by N - 1."""


def feature_statistics(features: np.ndarray) -> Statistics:
    """Returns mean and covariance of features [N ≥ 2, D], in float64."""
    features = np.asarray(features, dtype=np.float64)
    return Statistics(features.mean(0), np.atleast_2d(np.cov(features, rowvar=False)))


def frechet_distance(mu1: np.ndarray, cov1: np.ndarray, mu2: np.ndarray, cov2: np.ndarray) -> float:
    """Returns ‖μ₁ − μ₂‖² + tr(Σ₁ + Σ₂ − 2 (Σ₁Σ₂)^½), squared as FID is, for means [D], covariances [D, D].

    The trace of the root is the sum of the roots of the eigenvalues of Σ₁Σ₂, which are real. Covariances may
    be singular.
    """
    trace = np.trace(cov1) + np.trace(cov2) - 2 * np.sqrt(_product_eigenvalues(cov1, cov2).clip(0)).sum()
    return float(np.sum((mu1 - mu2) ** 2) + trace)


def _product_eigenvalues(cov1: np.ndarray, cov2: np.ndarray) -> np.ndarray:
    """Returns the eigenvalues of Σ₁Σ₂ except zeros: with Σ₁ = LLᵀ those of LᵀΣ₂L, which is symmetric."""
    # A pivoted Cholesky factor takes a tenth of the time of Σ₁^½, and is exact where Σ₁ is singular.
    factor, order, rank, _ = dpstrf(cov1, lower=1)
    factor[:, rank:] = 0
    middle = cov2[np.ix_(order - 1, order - 1)]
    middle = dtrmm(1, factor, dtrmm(1, factor, middle, lower=1, trans_a=1), lower=1, side=1)
    return eigvalsh(_symmetric(middle[:rank, :rank])) if rank else np.zeros(0)


def frechet_standard_error(features1: np.ndarray, features2: np.ndarray) -> float:
    """Returns the standard error of the distance between features [N, D] and [M, D] of independent images.

    It covers the draw of both halves, and is the infinitesimal jackknife (Jaeckel 1972): the standard
    deviation of what each image adds to the distance, to first order. It does not cover the upward bias of a
    finite sample (so compare at equal N). If both halves have the same distribution, and the first order
    vanishes, it is too large (by about a half) rather than too small.
    """
    half1, half2 = feature_statistics(features1), feature_statistics(features2)
    return float(np.hypot(_half_error(features1, half1, half2), _half_error(features2, half2, half1)))


def _half_error(features: np.ndarray, own: Statistics, other: Statistics) -> float:
    # The gradient of the distance is 2 (μ₁ − μ₂) for the mean and I − T for the covariance.
    centred = features - own.mean
    mapped = centred @ optimal_transport(own.covariance, other.covariance)
    influence = 2 * centred @ (own.mean - other.mean) + np.sum(centred * (centred - mapped), axis=1)
    return float(influence.std(ddof=1) / np.sqrt(len(features)))


def optimal_transport(cov1: np.ndarray, cov2: np.ndarray) -> np.ndarray:
    """Returns the optimal map T [D, D] from N(0, Σ₁) to N(0, Σ₂): symmetric, with TΣ₁T = Σ₂.

    T = Σ₁^-½ (Σ₁^½ Σ₂ Σ₁^½)^½ Σ₁^-½ (Olkin & Pukelsheim 1982), within the directions that Σ₁ spans.
    """
    variances, directions = eigh(cov1)
    spanned = variances > NEGLIGIBLE_VARIANCE * variances[-1]
    scales, directions = np.sqrt(variances[spanned]), directions[:, spanned]
    middle = _root(_symmetric(scales[:, None] * (directions.T @ cov2 @ directions) * scales))
    return directions @ (middle / scales[:, None] / scales) @ directions.T


def _root(covariance: np.ndarray) -> np.ndarray:
    eigenvalues, vectors = eigh(covariance)
    return (vectors * np.sqrt(eigenvalues.clip(0))) @ vectors.T


def _symmetric(matrix: np.ndarray) -> np.ndarray:
    return (matrix + matrix.T) / 2
