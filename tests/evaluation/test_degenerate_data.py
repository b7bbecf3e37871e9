"""Data with next to nothing in it: every measure is a number, or is left out with its reason."""

import json
import math

import numpy as np
import pytest
import torch

from tests.support.small import CLASSES, SHAPE, config, digits, vae
from vaeline.data.prepared import Prepared, Split
from vaeline.diagnosis.detection import run_detectors
from vaeline.evaluation import latent_use, neighbours, symptoms
from vaeline.evaluation.estimators.bounds import elbo_terms, importance_bounds, k_grid
from vaeline.evaluation.estimators.decomposition import decompose_rate
from vaeline.evaluation.estimators.estimate import means_with_errors
from vaeline.evaluation.estimators.latents import measure_latents
from vaeline.evaluation.ex_post import fit_ex_post
from vaeline.evaluation.fid.classifier import classifier_accuracy, train_classifier
from vaeline.evaluation.fid.images import generate_images, random_subset, sample_size
from vaeline.evaluation.fid.reference import Reference
from vaeline.evaluation.fid.scores import FROM_EX_POST, FROM_PRIOR
from vaeline.evaluation.looseness import iwae_looseness
from vaeline.evaluation.observing import evaluation_set, start_from
from vaeline.evaluation.samples.features import ImageFeatures
from vaeline.evaluation.undefined import without_undefined
from vaeline.models.contracts import Model

CPU = torch.device("cpu")
KINDS = {
    "black": lambda n: np.zeros((n, *SHAPE), np.uint8),
    "white": lambda n: np.full((n, *SHAPE), 255, np.uint8),
    "grey": lambda n: np.full((n, *SHAPE), 128, np.uint8),
    "one image": lambda n: np.repeat(digits(1).numpy(), n, 0),
    "two images": lambda n: digits(2).numpy()[np.arange(n) % 2],
    "black and white": lambda n: np.broadcast_to((np.arange(n) % 2 * 255)[:, None, None, None], (n, *SHAPE)),
    "few": lambda n: digits(n).numpy(),
}
SIZES = {"train": 24, "valid": 12, "test": 9}
FEWEST_SIZES = {"train": 2, "valid": 3, "test": 3}


def data_of(kind: str, classes: int) -> Prepared:
    sizes = FEWEST_SIZES if kind == "few" else SIZES
    labels = {s: np.minimum(np.arange(n, dtype=np.int64), classes - 1) for s, n in sizes.items()}
    splits = {s: Split(KINDS[kind](n).astype(np.uint8), labels[s]) for s, n in sizes.items()}
    classes_named = list(map(str, range(classes)))
    values = {"kind": "bytes"}
    description = {"name": kind, "shape": list(SHAPE), "values": values, "classes": classes_named}
    return Prepared(None, description, **splits)


def evaluate_metrics(model: Model, data: Prepared) -> dict:
    images = evaluation_set(model, data.test)
    terms, bounds = elbo_terms(model, images, 2), importance_bounds(model, images, k_grid(4))
    values = {"elbo": terms.elbo, "rate": terms.rate, "iwae": bounds.iwae, "ess": bounds.ess}
    values |= model.likelihood.measures(bounds.iwae, math.prod(SHAPE)) | vars(decompose_rate(model, images))
    return means_with_errors(values) | iwae_looseness(bounds)


def fid_metrics(model: Model, data: Prepared) -> dict:
    classifier = train_classifier(data.train.values, data.train.labels, len(data.classes), CPU)
    share, _ = classifier_accuracy(classifier, data.test.values, data.test.labels, len(data.classes))
    n = sample_size(2048, len(data.test), len(data.valid))
    halves = (random_subset(part.values, n) for part in (data.test, data.valid))
    reference = Reference.measure(*halves, classifier, None, "skip", "switched off")
    ex_post = fit_ex_post(model, data.train)
    images = {FROM_PRIOR: generate_images(model.sample, n), FROM_EX_POST: generate_images(ex_post.sample, n)}
    metrics = reference.scores(images, CPU) | {"accuracy": share}
    return metrics | symptoms.sample_symptoms(model, ImageFeatures(model, classifier), data)


def diagnose_metrics(model: Model, data: Prepared) -> dict:
    images = evaluation_set(model, data.valid)
    nearest = neighbours.nearest_neighbours(neighbours.neighbour_samples(model), data.train.values)
    metrics = latent_use.latent_statistics(measure_latents(model, images))
    metrics |= latent_use.squared_errors(model, images)
    metrics |= neighbours.copying_scores(nearest, neighbours.held_out_neighbours(data))
    return metrics | symptoms.model_symptoms(model, data)


@pytest.mark.parametrize(
    ("kind", "likelihood"),
    [(kind, "bernoulli") for kind in KINDS] + [("black", "gaussian"), ("one image", "gaussian")],
)
def test_every_measure_is_a_number_or_left_out_with_its_reason(kind, likelihood, monkeypatch):
    monkeypatch.setattr("vaeline.evaluation.fid.classifier.CLASSIFIER_EPOCHS", 3)
    changes = {"likelihood": {"name": likelihood}, "network": {"output_bias": "data_mean"}}
    data, model = data_of(kind, classes=1 if likelihood == "gaussian" else CLASSES), vae(**changes).eval()
    start_from(model, data.train)
    metrics = fid_metrics(model, data) | evaluate_metrics(model, data) | diagnose_metrics(model, data)
    kept = without_undefined(metrics)
    json.dumps(kept, allow_nan=False)
    flat = kind in {"black", "white", "grey", "black and white"}
    expected = {"sharpness"} if flat else set()
    expected |= {"neighbour_ratio"} if kind != "few" else set()
    assert set(metrics) - set(kept) == expected | {f"{name}_se" for name in expected}
    assert all(f"{name}: " in kept["undefined"] for name in expected)
    findings = run_detectors(metrics, config(**changes).to_dict())
    assert "blurry_reconstructions" not in {finding.name for finding in findings if flat}
    assert kept["neighbour_valid"] == 0 or kind == "few"
