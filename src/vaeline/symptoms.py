"""What the detectors of `findings` look at, measured on the training and validation splits alone."""

import math
from collections.abc import Mapping

import pandas as pd
from torch import nn

from vaeline import trends
from vaeline.data.prepared import Prepared, Split
from vaeline.estimators.bounds import elbo_terms, spread
from vaeline.estimators.estimate import Estimate
from vaeline.estimators.gain import exchange_rate, gain
from vaeline.estimators.sharpness import sharpness
from vaeline.ex_post import ExPost
from vaeline.fid.classifier import Classifier
from vaeline.fid.features import features
from vaeline.fid.images import drawn, generated
from vaeline.fid.manifold import NEAREST, manifold
from vaeline.fid.scores import EX_POST, PRIOR

IMAGES = 1000  # of each kind, in the classifier's features
SCORED = 2000  # images that reconstructions and bounds are compared on


def of_history(history: pd.DataFrame, dimensions: int) -> dict[str, float]:
    """Returns how a training went by its epochs, for images of so many `dimensions`, see `trends`."""
    last = history.iloc[-1]
    unsteady = trends.unsteadiness(
        int(last["skipped_updates"]), int(last["spikes"]), float(last["largest_variance"]), int(last["step"])
    )
    best = int(history["epoch"][history["valid_elbo"].idxmax()])
    return unsteady | trends.progress(history["valid_elbo"].tolist(), dimensions) | {"best_epoch": best}


def of_model(model: nn.Module, data: Prepared) -> dict[str, float]:
    """Returns what z is worth, how sharp reconstructions are, and how far valid lies behind train."""
    rows, others = _some(data.valid), _some(data.train)
    valid, train = model.evaluation_set(rows), model.evaluation_set(others)
    seen, unseen = (Estimate.of(elbo_terms(model, images).elbo) for images in (train, valid))
    bits = math.log(2) * math.prod(data.shape)
    gap = {
        "generalisation_gap": (seen.mean - unseen.mean) / bits,
        "generalisation_gap_se": math.hypot(seen.se, unseen.se) / bits,
    }
    return gain(model, valid) | exchange_rate(model, valid) | sharpness(model, valid, rows.images) | gap


def of_samples(model: nn.Module, ex_post: ExPost, classifier: Classifier, data: Prepared) -> dict[str, float]:
    """Returns precision, recall, density and coverage of validation images by samples.

    At z from the prior, from the mixture fitted to the encoder's z (`…_ex_post`), and, of `coverage`, by
    training images (`coverage_real`). `coverage_ratio` is that from the prior over that of the mixture, and
    `diversity` that of the mixture over that of training images, with errors to first order. Nothing where
    there are too few images.
    """
    n = min(IMAGES, len(data.valid), len(data.train))
    if n <= NEAREST:  # nothing lies around anything
        return {}
    real = features(classifier, drawn(data.valid.images, n))
    of_real = manifold(real, features(classifier, drawn(data.train.images, n)))
    found = manifold(real, features(classifier, generated(model.sample, n)), PRIOR)
    found |= manifold(real, features(classifier, generated(ex_post.sample, n)), EX_POST)
    found |= {"coverage_real": of_real["coverage"], "coverage_real_se": of_real["coverage_se"]}
    found |= _ratio("coverage_ratio", found, "coverage", "coverage_ex_post")
    return found | _ratio("diversity", found, "coverage_ex_post", "coverage_real")


def _ratio(name: str, found: Mapping[str, float], above: str, below: str) -> dict[str, float]:
    """Returns one measure over another with its error, or nothing where the other is 0."""
    if found[below] == 0:
        return {}
    ratio = found[above] / found[below]
    error = math.hypot(found[f"{above}_se"], ratio * found[f"{below}_se"]) / found[below]
    return {name: ratio, f"{name}_se": error}


def _some(split: Split) -> Split:
    return split[spread(len(split), SCORED).numpy()]
