"""All disentanglement scores of a code, each with its standard error."""

import math
from collections.abc import Callable

import numpy as np

from vaeline.evaluation.disentanglement.codes import ImageCodes
from vaeline.evaluation.disentanglement.guessing import beta_vae_score, factor_vae_score
from vaeline.evaluation.disentanglement.information import mig
from vaeline.evaluation.disentanglement.prediction import dci, sap
from vaeline.evaluation.disentanglement.published import dci_boosted, sap_svm
from vaeline.evaluation.disentanglement.sampled import mig_sampled

SCORED_CODES = 5_000
"""The most images to score: the first ones of a random order."""
FEWEST_CODES = 20
"""The fewest images to score: a forest that learns from half of one half needs a few."""
SCORE_NAMES = (
    "mig",
    "sap",
    "dci_disentanglement",
    "dci_completeness",
    "dci_informativeness",
    "beta_vae_score",
    "factor_vae_score",
    "mig_sampled",
)
PUBLISHED_NAMES = (
    "sap_svm",
    "dci_disentanglement_boosted",
    "dci_completeness_boosted",
    "dci_informativeness_boosted",
)
HALVES = 8
PUBLISHED_HALVES = 4
"""Fewer, since boosted trees for a factor with 40 values take minutes on 5,000 images."""
HALVES_SEED = 0

Scores = dict[str, float]


def disentanglement_scores(codes: ImageCodes, factors: np.ndarray | None) -> Scores:
    """Returns each score with its error under `<name>_se`, see `score_with_errors`.

    Empty if there are no factors, or none that varies; all are NaN for fewer than `FEWEST_CODES` images. The
    draws have a seed of their own. `mig_sampled` is left out if the variances are unknown.

    Args:
        codes: Of N images.
        factors: int64 [N, F].
    """
    if factors is None or not np.ptp(factors, axis=0).any():
        return {}
    codes, factors = codes[:SCORED_CODES], varying_factors(factors[:SCORED_CODES])
    if len(codes) < FEWEST_CODES or factors.shape[1] == 0:
        return dict.fromkeys((*SCORE_NAMES, *PUBLISHED_NAMES), math.nan)
    own = score_with_errors(own_scores, codes, factors)
    return own | score_with_errors(published_scores, codes, factors, PUBLISHED_HALVES)


def score_with_errors(
    score: Callable[[ImageCodes, np.ndarray, np.random.Generator], Scores],
    codes: ImageCodes,
    factors: np.ndarray,
    halves: int = HALVES,
) -> Scores:
    """Returns `score(codes, factors, rng)` with errors over random halves of the images.

    The error is the standard deviation of a score over the halves. For a mean over images this is the
    standard error over all of them, since Var = σ²/(n/2) · (1 − 1/2) without replacement. It includes the
    noise of draws and of learning, but not that of training the model again.
    """
    rng = np.random.default_rng(HALVES_SEED)
    whole = score(codes, factors, rng)
    parts = [rng.permutation(len(codes))[: len(codes) // 2] for _ in range(halves)]
    over_halves = [score(codes[part], factors[part], rng) for part in parts]
    errors = {f"{name}_se": float(np.std([s[name] for s in over_halves], ddof=1)) for name in whole}
    return whole | errors


def own_scores(codes: ImageCodes, factors: np.ndarray, rng: np.random.Generator) -> Scores:
    """Returns the scores that this package prefers, of factors int64 [N, F], each of which varies."""
    mean = codes.mean
    of_forests = dci(mean, factors, rng)
    values = mig(mean, factors), sap(mean, factors, rng), *of_forests
    guesses = beta_vae_score(mean, factors, rng), factor_vae_score(mean, factors, rng)
    drawn = () if codes.variance is None else (mig_sampled(mean, codes.variance, factors, rng),)
    return dict(zip(SCORE_NAMES, values + guesses + drawn, strict=False))


def published_scores(codes: ImageCodes, factors: np.ndarray, rng: np.random.Generator) -> Scores:
    """Returns the scores with which published tables can be compared, see `published`."""
    values = sap_svm(codes.mean, factors, rng), *dci_boosted(codes.mean, factors, rng)
    return dict(zip(PUBLISHED_NAMES, values, strict=True))


def varying_factors(factors: np.ndarray) -> np.ndarray:
    """Returns the columns of factors int64 [N, F] that are not constant."""
    return factors[:, np.ptp(factors, axis=0) > 0]
