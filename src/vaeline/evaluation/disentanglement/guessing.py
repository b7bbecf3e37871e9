"""Scores by guessing which factor was held fixed: the β-VAE score and the FactorVAE score."""

from collections.abc import Callable

import numpy as np

from vaeline.evaluation.disentanglement.prediction import random_halves

GUESSED_SETS = 2_000
"""Sets of images to learn the guess from, and as many to score it on."""
PAIRS_AVERAGED = 64
"""Images (FactorVAE) or pairs of them (β-VAE) in a set."""
INACTIVE_VARIANCE = 0.01  # Burda et al. 2016: a dimension that varies less has collapsed


def beta_vae_score(codes: np.ndarray, factors: np.ndarray, rng: np.random.Generator) -> float:
    """Returns the accuracy of a linear guess at the fixed factor (the metric of Higgins et al. 2017).

    A set is `PAIRS_AVERAGED` random pairs of images that agree in one factor, represented by the mean of |z −
    z'| over its pairs. A logistic regression learns the factor from `GUESSED_SETS` sets of one half of the
    images, and is scored on as many of the other half. Noise scores 1/F.
    """
    if factors.shape[1] == 1:  # nothing to guess, and nothing that a regression could learn
        return 1.0
    from sklearn.linear_model import LogisticRegression  # takes a second, so only for data with factors
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    learning, scoring = (
        _sets(_differences, codes[half], factors[half], rng) for half in random_halves(len(codes), rng)
    )
    guess = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(*learning)
    return float(guess.score(*scoring))


def factor_vae_score(codes: np.ndarray, factors: np.ndarray, rng: np.random.Generator) -> float:
    """Returns the accuracy of a majority vote for the fixed factor (the metric of Kim & Mnih 2018).

    A set is `PAIRS_AVERAGED` images with one value of one factor, represented by the dimension with the least
    variance in the set, relative to its variance over all images; collapsed dimensions are left out. Each
    dimension votes for the factor that it occurred with most often in `GUESSED_SETS` sets of one half of the
    images, and is scored on as many of the other half. Noise scores 1/F.
    """
    learning, scoring = (
        _sets(_variances, codes[half], factors[half], rng) for half in random_halves(len(codes), rng)
    )
    overall = codes.var(0)
    scale = np.where(overall > INACTIVE_VARIANCE, np.maximum(overall, INACTIVE_VARIANCE), 0)
    votes = np.zeros((codes.shape[1], factors.shape[1]))
    np.add.at(votes, (_quietest(learning[0], scale), learning[1]), 1)
    return float((votes.argmax(1)[_quietest(scoring[0], scale)] == scoring[1]).mean())


def _quietest(variances: np.ndarray, scale: np.ndarray) -> np.ndarray:
    relative = np.divide(variances, scale, out=np.full_like(variances, np.inf), where=scale > 0)
    return relative.argmin(1)


def _sets(
    view: Callable[..., np.ndarray], codes: np.ndarray, factors: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Returns `view` of each of `GUESSED_SETS` sets, [sets, d], and the factor fixed in it, [sets]."""
    fixed = np.sort(rng.integers(factors.shape[1], size=GUESSED_SETS))
    counts = np.bincount(fixed, minlength=factors.shape[1])
    views = [view(codes, factor, count, rng) for factor, count in zip(factors.T, counts, strict=True)]
    return np.concatenate(views), fixed


def _differences(codes: np.ndarray, factor: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Returns mean |z − z'| over pairs of two images that agree in `factor`, [count, d]."""
    order, starts, sizes = _groups(factor)
    first = rng.integers(len(codes), size=(count, PAIRS_AVERAGED))  # places in `order`
    group = np.searchsorted(starts, first, side="right") - 1
    others = np.maximum(sizes[group] - 1, 1)
    # Not the image itself: pairs at distance 0 would reveal factors with many values.
    step = 1 + rng.integers(2**31, size=first.shape) % others
    second = starts[group] + (first - starts[group] + step) % sizes[group]
    return np.abs(codes[order[first]] - codes[order[second]]).mean(1)


def _variances(codes: np.ndarray, factor: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Returns the variance of images that share one value of `factor`, drawn with replacement, [count, d]."""
    order, starts, sizes = _groups(factor)
    group = rng.integers(len(starts), size=count)[:, None]
    chosen = starts[group] + rng.integers(2**31, size=(count, PAIRS_AVERAGED)) % sizes[group]
    return codes[order[chosen]].var(1, ddof=1)


def _groups(factor: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the images in the order of `factor`, where each value starts in it, and how often it occurs."""
    _, starts, sizes = np.unique(np.sort(factor), return_index=True, return_counts=True)
    return np.argsort(factor, kind="stable"), starts, sizes
