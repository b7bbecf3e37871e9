"""Inception's weights in the published file format, with random values."""

from functools import partial

import numpy as np
import pytest

from benchmarks import distances
from tests.support.weights import without_inception
from vaeline.evaluation.fid.inception import Inception


@pytest.fixture(scope="session")
def random_weights(tmp_path_factory):
    """Path of a $TORCH_HOME with He-scaled weights, for which features are more than rounding noise."""
    home = tmp_path_factory.mktemp("torch-home")
    with distances.random_weights(home):
        return home


@pytest.fixture
def with_weights(random_weights, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(random_weights))
    return random_weights


@pytest.fixture
def few_dims(monkeypatch):
    """Inception's first 64 features, which take little time, instead of the last 2,048."""
    monkeypatch.setattr("vaeline.evaluation.fid.inception.Inception", partial(Inception, dims=64))


@pytest.fixture
def without_weights(tmp_path, monkeypatch):
    """The folder where weights belong, on a machine without them."""
    return without_inception(tmp_path, monkeypatch)


@pytest.fixture
def pictures():
    """`pictures(n, channels, seed)`: smooth uint8 images [n, C, 12, 12]; each seed has its own contrast."""

    def draw(n, channels=1, seed=0):
        generator = np.random.default_rng(seed)
        coarse = generator.random((n, channels, 3, 3)) ** (1 + seed)
        return (coarse.repeat(4, axis=2).repeat(4, axis=3) * 255).round().astype(np.uint8)

    return draw
