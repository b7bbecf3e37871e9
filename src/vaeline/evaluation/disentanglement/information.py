"""The mutual information between latent dimensions and factors, and its gap."""

import math

import numpy as np

BINS = 20
"""Bins of equal width from the least to the greatest value of a dimension (as in Locatello et al. 2019)."""


def mutual_information(codes: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """Returns I(z_j; v_k) in nats, [d, F], of codes [N, d] in `BINS` bins and factors int64 [N, F].

    It is estimated from frequencies, which makes it too high by about (bins − 1)(values − 1) / 2N.
    """
    binned = np.stack([_binned(code) for code in codes.T], axis=1)
    return np.array([[_information(bins, factor) for factor in factors.T] for bins in binned.T])


def entropies(factors: np.ndarray) -> np.ndarray:
    """Returns H(v_k) in nats, [F], from the frequencies in factors int64 [N, F]."""
    return np.array([_information(factor, factor) for factor in factors.T])


def mig(codes: np.ndarray, factors: np.ndarray) -> float:
    """Returns the mutual information gap (MIG) of codes in [0, 1], as Locatello et al. (2019) take it.

    It is the mean over factors of (I(z_j; v_k) − I(z_i; v_k)) / H(v_k), with j and i the two dimensions that
    are most informative about v_k (Chen et al. 2018, who draw z: see `mig_sampled`). It is 1 where each
    factor has a dimension to itself and at most `BINS` values, and near 0 for noise. Factors that do not vary
    are left out; it is NaN if none does.
    """
    factors = factors[:, np.ptp(factors, axis=0) > 0]
    if factors.shape[1] == 0:
        return math.nan
    return information_gap(mutual_information(codes, factors), entropies(factors))


def information_gap(information: np.ndarray, entropy: np.ndarray) -> float:
    """Returns the mean over factors of the gap of I(z_j; v_k) [d, F] between its two best j, over H(v_k) [F].

    The gap of a single dimension is its information.
    """
    ranked = np.sort(np.concatenate([np.zeros((1, len(entropy))), information]), axis=0)
    return float(((ranked[-1] - ranked[-2]) / entropy).mean())


def _binned(code: np.ndarray) -> np.ndarray:
    return np.digitize(code, np.histogram_bin_edges(code, BINS)[1:-1])


def _information(a: np.ndarray, b: np.ndarray) -> float:
    joint = np.zeros((a.max() + 1, b.max() + 1))
    np.add.at(joint, (a, b), 1 / len(a))
    independent = joint.sum(1, keepdims=True) * joint.sum(0, keepdims=True)
    occurs = joint > 0
    return float((joint[occurs] * np.log(joint[occurs] / independent[occurs])).sum())
