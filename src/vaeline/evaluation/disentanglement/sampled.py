"""The mutual information gap of Chen et al. (2018): between drawn z and factors, without bins."""

import math

import numpy as np

from vaeline.evaluation.disentanglement.information import entropies, information_gap

SAMPLED_CODES = 10_000
"""Draws of z from the aggregate posterior, as in the authors' code."""
DRAWS_AT_A_TIME = 500


def mig_sampled(
    mean: np.ndarray, variance: np.ndarray, factors: np.ndarray, rng: np.random.Generator
) -> float:
    """Returns the mutual information gap (MIG) in [0, 1] of z ~ q(z|x), see `sampled_information`.

    Factors that do not vary are left out; it is NaN if none does. `information.mig` is the other variant, of
    the posteriors' means in bins. That one is higher where posteriors are wide: a mean can tell images apart
    that a drawn z cannot.

    References:
        Chen et al. (2018), section 4.1 and appendix C.1.
    """
    factors = factors[:, np.ptp(factors, axis=0) > 0]
    if factors.shape[1] == 0:
        return math.nan
    return information_gap(sampled_information(mean, variance, factors, rng), entropies(factors))


def sampled_information(
    mean: np.ndarray, variance: np.ndarray, factors: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Returns I(z_j; v_k) in nats, [d, F], where z ~ q(z|x) and x is one of the N images.

    It is E[log q(z_j|v_k) − log q(z_j)], with q(z_j) the mixture of all N posteriors, q(z_j|v_k) that of the
    images with the value v_k, and the mean over `SAMPLED_CODES` draws. For these images it is unbiased.

    Args:
        mean: Of the Gaussians q(z_j|x), [N, d].
        variance: Of the same, [N, d].
        factors: int64 [N, F].
        rng: What z is drawn with.
    """
    drawn = rng.integers(len(mean), size=SAMPLED_CODES)
    z = mean[drawn] + np.sqrt(variance[drawn]) * rng.standard_normal((SAMPLED_CODES, mean.shape[1]))
    total = np.zeros((mean.shape[1], factors.shape[1]))
    for start in range(0, SAMPLED_CODES, DRAWS_AT_A_TIME):
        some = slice(start, start + DRAWS_AT_A_TIME)
        for j in range(mean.shape[1]):
            densities = _densities(z[some, j], mean[:, j], variance[:, j])
            marginal = np.log(densities.mean(1))
            for k, factor in enumerate(factors.T):
                total[j, k] += (_given(densities, factor, factor[drawn[some]]) - marginal).sum()
    return total / SAMPLED_CODES


def _densities(z: np.ndarray, mean: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """Returns q(z_s|x_n), [S, N]."""
    density: np.ndarray = np.exp(-0.5 * (z[:, None] - mean) ** 2 / variance) / np.sqrt(2 * np.pi * variance)
    return density


def _given(densities: np.ndarray, factor: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Returns log q(z_s|v) at the value v that belongs to each z_s, [S]."""
    occurring, places = np.unique(factor, return_inverse=True)
    one_hot = np.eye(len(occurring))[places]
    of_values = densities @ (one_hot / one_hot.sum(0))
    return np.log(of_values[np.arange(len(values)), np.searchsorted(occurring, values)])
