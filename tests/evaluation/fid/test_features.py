import numpy as np
import pytest
import torch
from torch import nn

from vaeline.evaluation.fid.features import FEATURE_BATCH, extract_all


@pytest.fixture
def extractor():
    torch.manual_seed(0)
    return nn.Sequential(Floats(), nn.Flatten(), nn.Linear(4, 3), nn.BatchNorm1d(3))


class Floats(nn.Module):
    def forward(self, images):
        assert images.dtype == torch.uint8
        return images.float()


def test_features_do_not_depend_on_the_other_images_of_a_batch(extractor):
    halves = np.random.default_rng(0).integers(0, 256, (2, 2 * FEATURE_BATCH + 3, 1, 2, 2), dtype=np.uint8)
    extracted = extract_all("test", extractor.train(), *halves)  # in train mode, BatchNorm would mix images
    linear = extractor[2]
    for half, features in zip(halves, extracted, strict=True):
        pixels = half.reshape(len(half), 4) @ linear.weight.detach().numpy().T + linear.bias.detach().numpy()
        assert features == pytest.approx(pixels / np.sqrt(1 + 1e-5), rel=1e-4)
        assert features.dtype == np.float32


def test_the_estimated_time_is_printed(extractor, capsys):
    images = np.zeros((10, 1, 2, 2), np.uint8)
    extract_all("test", extractor, images, images)
    assert capsys.readouterr().out.startswith("test: 20 images, about 0:00:00 (")
