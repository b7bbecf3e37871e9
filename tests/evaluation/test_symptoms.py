"""The measures of samples and images, for models where they are known."""

import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from tests.support.small import CLASSES, SHAPE, split
from vaeline.core.scaling import BYTES
from vaeline.data.prepared import Prepared
from vaeline.evaluation import symptoms
from vaeline.evaluation.fid import classifier
from vaeline.evaluation.samples.features import ImageFeatures

TRAIN, VALID = split(600)[:400], split(600)[400:]


class Copying(nn.Module):
    """q(z|x) is one point, the image itself; p(x|z) is at decoder(z); p(z) is uniform."""

    classes = 0
    scaling = BYTES
    likelihood = SimpleNamespace(evaluation_set=lambda images: images)

    def __init__(self, decoder=lambda x: x) -> None:
        super().__init__()
        self.decoder = decoder
        self.weight = nn.Parameter(torch.zeros(()))  # gives the model a device

    def infer(self, x):
        return SimpleNamespace(layers=[SimpleNamespace(sample=x.flatten(1)[None])])

    def joint(self, z):
        return None, SimpleNamespace(mean=self.decoder(z.view(-1, *SHAPE)))

    def sample(self, n: int) -> torch.Tensor:
        return self.decoder(torch.rand(n, *SHAPE))


@pytest.fixture(scope="module")
def image_classifier():
    return classifier.train_classifier(TRAIN.values, TRAIN.labels, CLASSES, torch.device("cpu"))


def of_samples(model, image_classifier):
    described = {"name": "digits", "shape": SHAPE, "values": {"kind": "bytes"}, "classes": list("0123456789")}
    return symptoms.sample_symptoms(
        model, ImageFeatures(model, image_classifier), Prepared(None, described, TRAIN, VALID, VALID)
    )


def test_a_copying_model_has_the_coverage_of_the_images_at_their_own_z(image_classifier):
    measures = of_samples(Copying(), image_classifier)
    assert measures["coverage_aggregate"] == measures["coverage_real"] > 0.4
    assert measures["diversity"] == 1
    assert measures["coverage_ratio"] == measures["coverage"] / measures["coverage_aggregate"] < 0.1


def test_a_decoder_with_a_single_output_has_no_diversity(image_classifier):
    measures = of_samples(Copying(lambda x: x[:1].expand_as(x)), image_classifier)
    assert measures["diversity"] < 0.1
    assert measures["recall_aggregate"] < 0.1


def test_the_error_of_a_ratio_combines_the_errors_of_both_coverages(image_classifier):
    measures = of_samples(Copying(), image_classifier)
    a, b = measures["coverage"], measures["coverage_aggregate"]
    errors = measures["coverage_se"] / b, a * measures["coverage_aggregate_se"] / b**2
    assert measures["coverage_ratio_se"] == pytest.approx(np.hypot(*errors))


def test_none_of_the_images_is_known_no_better_than_one(image_classifier, monkeypatch):
    monkeypatch.setattr(Copying, "sample", lambda _, n: torch.zeros(n, *SHAPE))
    measures = of_samples(Copying(), image_classifier)
    assert measures["recall"] == measures["recall_ratio"] == measures["recall_se"] == 0
    n = min(len(TRAIN), len(VALID))
    assert measures["recall_ratio_se"] == pytest.approx(1 / n / measures["recall_aggregate"])


def test_nearly_black_and_white_pixels_are_counted():
    images = np.array([[[0, 15, 16, 127], [128, 239, 240, 255]]], dtype=np.uint8)
    assert symptoms.binary_share(images) == 4 / 8


def test_symptoms_of_a_history_are_those_of_its_validations():
    elbos = [-9.0, -5.0, -4.0, -4.5, -4.4]
    every = pd.DataFrame({"epoch": range(1, 6), "valid_elbo": elbos, "step": range(3, 18, 3)})
    every[["skipped_updates", "spikes", "largest_variance"]] = [1, 2, 0.5]
    sparse = pd.concat([every, every.assign(epoch=every["epoch"] - 0.5, valid_elbo=math.nan)])
    expected = symptoms.history_symptoms(every, 64)
    assert expected["best_epoch"] == 3
    assert symptoms.history_symptoms(sparse.sort_values("epoch"), 64) == expected
