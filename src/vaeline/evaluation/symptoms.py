"""What the detectors of `findings` look at, measured on the training and validation splits alone."""

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
import torch
from torch import nn

from vaeline.data.observations import Observations
from vaeline.data.prepared import Prepared, Split
from vaeline.evaluation import trends
from vaeline.evaluation.chunks import even_indices
from vaeline.evaluation.estimators.bounds import elbo_terms
from vaeline.evaluation.estimators.estimate import Estimate
from vaeline.evaluation.estimators.gain import exchange_rate, latent_gain
from vaeline.evaluation.estimators.sharpness import sharpness
from vaeline.evaluation.ex_post import decode_means, draw_posterior
from vaeline.evaluation.fid.classifier import Classifier
from vaeline.evaluation.fid.features import extract_features
from vaeline.evaluation.fid.images import GENERATION_BATCH, generate_images, random_indices, to_uint8
from vaeline.evaluation.manifold import NEAREST, manifold_scores
from vaeline.evaluation.observing import evaluation_set

COVERAGE_IMAGES = 1000  # of each kind, in the classifier's features
SCORED = 2000  # images that reconstructions and bounds are compared on
EXTREME = 1 / 16  # of the range of a pixel: so near to black or to white it might as well be binary


def history_symptoms(history: pd.DataFrame, dimensions: int) -> dict[str, float]:
    """Returns how a training went by its epochs, for images of so many `dimensions`, see `trends`."""
    last = history.iloc[-1]
    unsteady = trends.unsteadiness(
        int(last["skipped_updates"]), int(last["spikes"]), float(last["largest_variance"]), int(last["step"])
    )
    best = int(history["epoch"][history["valid_elbo"].idxmax()])
    return unsteady | trends.elbo_trend(history["valid_elbo"].tolist(), dimensions) | {"best_epoch": best}


def model_symptoms(model: nn.Module, data: Prepared) -> dict[str, float]:
    """Returns what z is worth, how sharp reconstructions are, and how far valid lies behind train.

    And, of the images themselves, `binary_share`: how many of their pixels are all but black or white.
    """
    rows, others = _some(data.valid), _some(data.train)
    valid, train = evaluation_set(model, rows), evaluation_set(model, others)
    seen, unseen = (Estimate.of(elbo_terms(model, images).elbo) for images in (train, valid))
    bits = math.log(2) * math.prod(data.shape)
    gap = {
        "generalisation_gap": (seen.mean - unseen.mean) / bits,
        "generalisation_gap_se": math.hypot(seen.se, unseen.se) / bits,
    }
    found = latent_gain(model, valid) | exchange_rate(model, valid) | sharpness(model, valid, rows.images)
    return found | gap | {"binary_share": _binary(rows.images)}


def sample_symptoms(model: nn.Module, classifier: Classifier, data: Prepared) -> dict[str, float]:
    """Returns precision, recall, density and coverage of validation images by samples.

    At z from the prior, from the aggregate posterior of as many training images (`…_aggregate`), and, of
    `coverage`, by those training images themselves (`coverage_real`). `coverage_ratio` is the coverage from
    the prior over that from the aggregate posterior, and `diversity` the latter over that by training images,
    with errors to first order. Nothing where there are too few images.
    """
    n = min(COVERAGE_IMAGES, len(data.valid), len(data.train))
    if n <= NEAREST:  # nothing lies around anything
        return {}
    real, train = (
        extract_features(classifier, data.valid[random_indices(len(data.valid), n)].images),
        data.train[random_indices(len(data.train), n)],
    )
    of_real = manifold_scores(real, extract_features(classifier, train.images))
    found = manifold_scores(real, extract_features(classifier, generate_images(model.sample, n)))
    found |= manifold_scores(
        real, extract_features(classifier, _aggregate(model, evaluation_set(model, train))), "_aggregate"
    )
    found |= {"coverage_real": of_real["coverage"], "coverage_real_se": of_real["coverage_se"]}
    found |= _ratio("coverage_ratio", found, "coverage", "coverage_aggregate")
    return found | _ratio("diversity", found, "coverage_aggregate", "coverage_real")


def _aggregate(model: nn.Module, images: Observations) -> np.ndarray:
    """Returns uint8 [N, C, H, W]: what is decoded at one z ~ q(z|x) for each of N images."""
    z = draw_posterior(model, images)
    return torch.cat(
        [to_uint8(decode_means(model, part)).cpu() for part in z.split(GENERATION_BATCH)]
    ).numpy()


def _binary(images: np.ndarray) -> float:
    """Returns the share of pixels of uint8 images that are all but black or white."""
    reach = int(255 * EXTREME)
    return float(np.mean((images <= reach) | (images >= 255 - reach)))


def _ratio(name: str, found: Mapping[str, float], above: str, below: str) -> dict[str, float]:
    """Returns one measure over another with its error, or nothing where the other is 0."""
    if found[below] == 0:
        return {}
    ratio = found[above] / found[below]
    error = math.hypot(found[f"{above}_se"], ratio * found[f"{below}_se"]) / found[below]
    return {name: ratio, f"{name}_se": error}


def _some(split: Split) -> Split:
    return split[even_indices(len(split), SCORED).numpy()]
