"""All scores of a code, each with its error."""

import numpy as np

from vaeline.evaluation.disentanglement.guessing import beta_vae_score, factor_vae_score
from vaeline.evaluation.disentanglement.information import mig
from vaeline.evaluation.disentanglement.prediction import dci, sap

SCORED_CODES = 5_000
"""Images that scores are of, at the most: the first ones of a random order."""
HALVES = 8
HALVES_SEED = 0


def disentanglement_scores(codes: np.ndarray, factors: np.ndarray | None) -> dict[str, float]:
    """Returns each score of codes [N, d] against factors int64 [N, F], and its error under `<name>_se`.

    Nothing where there are no factors, or none that varies. The error is the standard deviation of the score
    over `HALVES` random halves of the images: of what is a mean over images, the error of the mean of them
    all, since Var = σ²/(n/2) · (1 − 1/2) without replacement. It holds the noise of draws and
    of learning too, but not that of training the model again. The draws have a seed of their own.
    """
    if factors is None:
        return {}
    codes, factors = np.asarray(codes[:SCORED_CODES], np.float64), factors[:SCORED_CODES]
    factors = factors[:, np.ptp(factors, axis=0) > 0]
    if factors.shape[1] == 0:
        return {}
    rng = np.random.default_rng(HALVES_SEED)
    whole = _scores(codes, factors, rng)
    parts = [rng.permutation(len(codes))[: len(codes) // 2] for _ in range(HALVES)]
    over_halves = [_scores(codes[part], factors[part], rng) for part in parts]
    errors = {f"{name}_se": float(np.std([s[name] for s in over_halves], ddof=1)) for name in whole}
    return whole | errors


def _scores(codes: np.ndarray, factors: np.ndarray, rng: np.random.Generator) -> dict[str, float]:
    separate, complete, informative = dci(codes, factors, rng)
    return {
        "mig": mig(codes, factors),
        "sap": sap(codes, factors, rng),
        "dci_disentanglement": separate,
        "dci_completeness": complete,
        "dci_informativeness": informative,
        "beta_vae_score": beta_vae_score(codes, factors, rng),
        "factor_vae_score": factor_vae_score(codes, factors, rng),
    }
