"""The measures that the detectors of `diagnosis` read, taken on the training and validation splits alone."""

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from vaeline.core.files import read_numbers
from vaeline.data.prepared import Prepared, Split
from vaeline.evaluation import trends
from vaeline.evaluation.chunks import even_indices
from vaeline.evaluation.estimators.bounds import elbo_terms
from vaeline.evaluation.estimators.calibration import calibration_cost
from vaeline.evaluation.estimators.estimate import Estimate
from vaeline.evaluation.estimators.gain import exchange_rate, latent_gain
from vaeline.evaluation.estimators.sharpness import sharpness
from vaeline.evaluation.ex_post import draw_posterior
from vaeline.evaluation.fid.images import Pictures, random_indices
from vaeline.evaluation.manifold import NEAREST, manifold_scores
from vaeline.evaluation.observing import evaluation_set
from vaeline.evaluation.samples.features import SampleFeatures
from vaeline.models.contracts import Model

COVERAGE_IMAGES = 1000  # of each kind
SCORED = 2000  # images for reconstructions and bounds
EXTREME = 1 / 16  # of the range of a pixel: this near to black or white it is as good as binary


def read_history(path: Path | str) -> pd.DataFrame:
    """Returns the history that the train stage wrote, a row an epoch; raises DamagedFileError."""
    counts = ("epoch", "step", "skipped_updates", "spikes", "largest_variance")
    terms = ("loss", "recon", "kl")
    complete = [*counts, *(f"train_{term}" for term in terms)]
    return read_numbers(path, complete, gaps=["valid_elbo", *(f"valid_{term}" for term in terms)])


def history_symptoms(history: pd.DataFrame, dimensions: int) -> dict[str, float]:
    """Returns how training went, from its epochs, for images of so many `dimensions`; see `trends`."""
    last = history.iloc[-1]
    unsteady = trends.unsteadiness(
        int(last["skipped_updates"]), int(last["spikes"]), float(last["largest_variance"]), int(last["step"])
    )
    validated = history.dropna(subset="valid_elbo")
    best = int(validated["epoch"].iloc[int(validated["valid_elbo"].argmax())])
    return unsteady | trends.elbo_trend(validated["valid_elbo"].tolist(), dimensions) | {"best_epoch": best}


def model_symptoms(model: Model, data: Prepared) -> dict[str, float]:
    """Returns what z is worth, what p(x|z) costs, how sharp E[x|z] is, and how far valid is behind train.

    Sharpness is left out for what is no image, and so is `binary_share`, which describes the images
    themselves.
    """
    rows = _subset(data.valid)
    valid, train = evaluation_set(model, rows), evaluation_set(model, _subset(data.train))
    on_train, on_valid = (Estimate.of(elbo_terms(model, images).elbo) for images in (train, valid))
    bits = math.log(2) * math.prod(data.shape)
    gap = {
        "generalisation_gap": (on_train.mean - on_valid.mean) / bits,
        "generalisation_gap_se": math.hypot(on_train.se, on_valid.se) / bits,
    }
    worth = latent_gain(model, valid) | exchange_rate(model, valid) | calibration_cost(model, valid)
    if len(data.shape) != 3:
        return worth | gap
    sharp = sharpness(model, valid, rows.values)
    return worth | sharp | gap | {"binary_share": binary_share(Pictures(rows.values, data.scaling)[:])}


def sample_symptoms(model: Model, features: SampleFeatures, data: Prepared) -> dict[str, float]:
    """Returns precision, recall, density and coverage of validation images (or rows) by samples.

    Samples are decoded at z from the prior, and from the aggregate posterior of as many training images
    (`…_aggregate`); `coverage_real` is the coverage by those training images themselves. `coverage_ratio` and
    `recall_ratio` are those from the prior over those from the aggregate posterior, and `diversity` is
    `coverage_aggregate` over `coverage_real`, with errors to first order. Empty if there are too few images.
    """
    n = min(COVERAGE_IMAGES, len(data.valid), len(data.train))
    if n <= NEAREST:
        return {}
    real = features.of_data(data.valid[random_indices(len(data.valid), n)].values)
    train = data.train[random_indices(len(data.train), n)]
    by_train = manifold_scores(real, features.of_data(train.values))
    scores = manifold_scores(real, features.of_samples(n))
    z = draw_posterior(model, evaluation_set(model, train))
    scores |= manifold_scores(real, features.of_latents(z), "_aggregate")
    scores |= {"coverage_real": by_train["coverage"], "coverage_real_se": by_train["coverage_se"]}
    scores |= _ratio("coverage_ratio", scores, "coverage", "coverage_aggregate", n)
    scores |= _ratio("recall_ratio", scores, "recall", "recall_aggregate", n)
    return scores | _ratio("diversity", scores, "coverage_aggregate", "coverage_real", n)


def binary_share(images: np.ndarray) -> float:
    """Returns the share of pixels of uint8 images that are within 1/16 of the range of black or white."""
    reach = int(255 * EXTREME)
    return float(np.mean((images <= reach) | (images >= 255 - reach)))


def _ratio(name: str, scores: Mapping[str, float], above: str, below: str, n: int) -> dict[str, float]:
    """Returns one share of `n` over another with its error; empty if the latter is 0.

    None of n is known no better than one of n.
    """
    if scores[below] == 0:
        return {}
    ratio = scores[above] / scores[below]
    error = math.hypot(max(scores[f"{above}_se"], 1 / n), ratio * scores[f"{below}_se"]) / scores[below]
    return {name: ratio, f"{name}_se": error}


def _subset(split: Split) -> Split:
    return split[even_indices(len(split), SCORED).numpy()]
