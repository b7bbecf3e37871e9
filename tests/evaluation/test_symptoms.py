"""What diagnose measures of samples and images, with models of which it is known."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from tests.support.small import CLASSES, SHAPE, split
from vaeline.data.prepared import Prepared
from vaeline.evaluation import symptoms
from vaeline.evaluation.fid import classifier

TRAIN, VALID = split(600)[:400], split(600)[400:]


class Copying(nn.Module):
    """q(z|x) is one point, the image itself; p(x|z) is that through `decoder`; p(z) is uniform."""

    classes = 0
    likelihood = SimpleNamespace(evaluation_set=lambda images: images)

    def __init__(self, decoder=lambda x: x) -> None:
        super().__init__()
        self.decoder = decoder
        self.weight = nn.Parameter(torch.zeros(()))  # a model is where its weights are

    def infer(self, x):
        return SimpleNamespace(layers=[SimpleNamespace(sample=x.flatten(1)[None])])

    def joint(self, z):
        return None, SimpleNamespace(mean=self.decoder(z.view(-1, *SHAPE)))

    def sample(self, n: int) -> torch.Tensor:
        return self.decoder(torch.rand(n, *SHAPE))


@pytest.fixture(scope="module")
def judge():
    return classifier.train_classifier(TRAIN.images, TRAIN.labels, CLASSES, torch.device("cpu"))


def of_samples(model, judge):
    described = {"name": "digits", "shape": SHAPE, "classes": [str(digit) for digit in range(10)]}
    return symptoms.sample_symptoms(model, judge, Prepared(None, described, TRAIN, VALID, VALID))


def test_at_its_own_z_a_model_that_copies_covers_what_the_images_do(judge):
    found = of_samples(Copying(), judge)
    assert found["coverage_aggregate"] == found["coverage_real"] > 0.4
    assert found["diversity"] == 1
    assert found["coverage_ratio"] == found["coverage"] / found["coverage_aggregate"] < 0.1


def test_a_decoder_that_makes_one_image_has_no_diversity(judge):
    found = of_samples(Copying(lambda x: x[:1].expand_as(x)), judge)
    assert found["diversity"] < 0.1
    assert found["recall_aggregate"] < 0.1


def test_a_ratio_of_two_coverages_has_the_error_of_both(judge):
    found = of_samples(Copying(), judge)
    a, b = found["coverage"], found["coverage_aggregate"]
    errors = found["coverage_se"] / b, a * found["coverage_aggregate_se"] / b**2
    assert found["coverage_ratio_se"] == pytest.approx(np.hypot(*errors))


def test_pixels_that_are_all_but_black_or_white_are_counted():
    images = np.array([[[0, 15, 16, 127], [128, 239, 240, 255]]], dtype=np.uint8)
    assert symptoms._binary(images) == 4 / 8
