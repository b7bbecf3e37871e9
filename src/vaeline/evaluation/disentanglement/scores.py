"""All disentanglement scores of a code, each with its standard error."""

import math
from collections.abc import Callable

import numpy as np

from vaeline.evaluation.disentanglement.guessing import beta_vae_score, factor_vae_score
from vaeline.evaluation.disentanglement.information import mig
from vaeline.evaluation.disentanglement.prediction import dci, sap

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
)
HALVES = 8
HALVES_SEED = 0

Scores = dict[str, float]


def disentanglement_scores(codes: np.ndarray, factors: np.ndarray | None) -> Scores:
    """Returns each score with its error under `<name>_se`, see `score_with_errors`.

    Empty if there are no factors, or none that varies; all are NaN for fewer than `FEWEST_CODES` images. The
    draws have a seed of their own.

    Args:
        codes: [N, d].
        factors: int64 [N, F].
    """
    if factors is None:
        return {}
    codes, factors = np.asarray(codes[:SCORED_CODES], np.float64), factors[:SCORED_CODES]
    factors = factors[:, np.ptp(factors, axis=0) > 0]
    if factors.shape[1] == 0:
        return {}
    if len(codes) < FEWEST_CODES:
        return dict.fromkeys(SCORE_NAMES, math.nan)
    return score_with_errors(all_scores, codes, factors)


def score_with_errors(
    score: Callable[[np.ndarray, np.ndarray, np.random.Generator], Scores],
    codes: np.ndarray,
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


def all_scores(codes: np.ndarray, factors: np.ndarray, rng: np.random.Generator) -> Scores:
    """Returns the scores of codes [N, d] against factors int64 [N, F], each of which varies."""
    of_forests = dci(codes, factors, rng)
    values = mig(codes, factors), sap(codes, factors, rng), *of_forests
    guesses = beta_vae_score(codes, factors, rng), factor_vae_score(codes, factors, rng)
    return dict(zip(SCORE_NAMES, values + guesses, strict=True))
