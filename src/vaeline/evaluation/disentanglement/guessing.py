"""Scores by guessing which factor was held fixed: that of β-VAE, and that of FactorVAE."""

from collections.abc import Callable

import numpy as np

from vaeline.evaluation.disentanglement.prediction import random_halves

GUESSED_SETS = 2_000
"""Sets of images that the guess is learnt from, and as many that it is scored on."""
PAIRS_AVERAGED = 64
"""Images (FactorVAE) or pairs of them (β-VAE) in a set."""
INACTIVE_VARIANCE = 0.01  # Burda et al. 2016: a dimension that moves less has collapsed


def beta_vae_score(codes: np.ndarray, factors: np.ndarray, rng: np.random.Generator) -> float:
    """Returns the accuracy of a linear guess at the fixed factor (the metric of Higgins et al. 2017).

    A set is `IMAGES` pairs of images that agree in one factor, drawn at random, and is seen as the mean of
    |z − z'| over its pairs. A logistic regression learns the factor from `SETS` sets of one half of the
    images, and is scored on as many of the other. Noise scores 1/F.
    """
    from sklearn.linear_model import LogisticRegression  # a second: only where there are factors
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    learnt, seen = (
        _sets(_differences, codes[half], factors[half], rng) for half in random_halves(len(codes), rng)
    )
    guess = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(*learnt)
    return float(guess.score(*seen))


def factor_vae_score(codes: np.ndarray, factors: np.ndarray, rng: np.random.Generator) -> float:
    """Returns the accuracy of a majority vote for the fixed factor (the metric of Kim & Mnih 2018).

    A set is `IMAGES` images with one value of one factor, and is seen as the dimension whose variance in the
    set is the least, in units of that over all images; dimensions that collapsed have no part. Each
    dimension stands for the factor that it was seen with most often in `SETS` sets of one half of the images,
    and is scored on as many of the other. Noise scores 1/F.
    """
    learnt, seen = (
        _sets(_variances, codes[half], factors[half], rng) for half in random_halves(len(codes), rng)
    )
    spread = codes.var(0)
    scale = np.where(spread > INACTIVE_VARIANCE, np.maximum(spread, INACTIVE_VARIANCE), 0)
    votes = np.zeros((codes.shape[1], factors.shape[1]))
    np.add.at(votes, (_quietest(learnt[0], scale), learnt[1]), 1)
    return float((votes.argmax(1)[_quietest(seen[0], scale)] == seen[1]).mean())


def _quietest(variances: np.ndarray, scale: np.ndarray) -> np.ndarray:
    relative = np.divide(variances, scale, out=np.full_like(variances, np.inf), where=scale > 0)
    return relative.argmin(1)


def _sets(
    view: Callable[..., np.ndarray], codes: np.ndarray, factors: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Returns `view` of `SETS` sets, [SETS, d], and the factor that is fixed in each, [SETS]."""
    fixed = np.sort(rng.integers(factors.shape[1], size=GUESSED_SETS))
    counts = np.bincount(fixed, minlength=factors.shape[1])
    seen = [view(codes, factor, count, rng) for factor, count in zip(factors.T, counts, strict=True)]
    return np.concatenate(seen), fixed


def _differences(codes: np.ndarray, factor: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Returns mean |z − z'| over pairs of two images that agree in `factor`, [count, d]."""
    order, starts, sizes = _groups(factor)
    first = rng.integers(len(codes), size=(count, PAIRS_AVERAGED))  # places in `order`
    group = np.searchsorted(starts, first, side="right") - 1
    others = np.maximum(sizes[group] - 1, 1)
    # Not the image itself: pairs at no distance would tell factors of many values from those of few.
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
    """Returns the images in order of `factor`, where in it each value starts, and how often it is there."""
    _, starts, sizes = np.unique(np.sort(factor), return_index=True, return_counts=True)
    return np.argsort(factor, kind="stable"), starts, sizes
