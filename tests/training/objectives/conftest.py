"""VGG-16's weights for the perceptual objective, without a network."""

import pytest

from tests.support.vgg import write_vgg_weights


@pytest.fixture(scope="session")
def vgg_weights(tmp_path_factory):
    """A $TORCH_HOME with random weights; returns its path."""
    home = tmp_path_factory.mktemp("torch-home")
    write_vgg_weights(home)
    return home


@pytest.fixture(autouse=True)
def _weights_at_hand(vgg_weights, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(vgg_weights))
