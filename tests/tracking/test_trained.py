"""The model that MLflow loads; test_runs.py loads it through MLflow itself."""

import numpy as np
import pytest
import torch

from tests.support.small import config, labels, shown, vae
from vaeline.models import checkpoints
from vaeline.models.catalog import MODELS
from vaeline.tracking.trained import TrainedModel


def loaded(tmp_path, **changes) -> TrainedModel:
    facts = {"config": config(**changes).to_dict(), "shape": [1, 8, 8], "classes": 10}
    checkpoints.save_checkpoint(
        tmp_path / "m.pt", {**facts, "training": {"model": vae(**changes).state_dict()}}
    )
    return TrainedModel(tmp_path / "m.pt")


@pytest.mark.parametrize("name", list(MODELS))
def test_every_model_encodes_reconstructs_and_samples(name, tmp_path):
    trained = loaded(tmp_path, model={"name": name})
    x = shown(6).numpy()
    assert len(trained.encode(x)) == 6
    for images in (trained.reconstruct(x), trained.sample(6)):
        assert images.shape == (6, 1, 8, 8)
        assert images.min() >= 0
        assert images.max() <= 1


def test_encoding_is_the_posterior_mean_and_draws_depend_on_the_seed(tmp_path):
    trained = loaded(tmp_path)
    x = shown(6)
    np.testing.assert_array_equal(trained.encode(x), trained.model.encode(x).mean.detach().numpy())
    drawn = []
    for _ in range(2):
        torch.manual_seed(3)
        drawn.append(trained.reconstruct(x.numpy()))
    np.testing.assert_array_equal(*drawn)
    assert not np.array_equal(drawn[0], trained.reconstruct(x.numpy()))


def test_conditional_model_takes_labels(tmp_path):
    trained = loaded(tmp_path, model={"name": "conditional"})
    x, y = shown(6).numpy(), labels()[:6]
    with torch.no_grad():
        trained.model.plane.weight.normal_()
    assert not np.allclose(trained.encode(x, y), trained.encode(x))
    torch.manual_seed(0)
    ones = trained.sample(3, [1, 1, 1])
    torch.manual_seed(0)
    assert not np.allclose(ones, trained.sample(3, [2, 2, 2]))
    assert trained.reconstruct(x, y).shape == x.shape


def test_unknown_method_is_rejected(tmp_path):
    with pytest.raises(ValueError, match="'dream' is not one of 'encode', 'reconstruct'"):
        loaded(tmp_path).predict(shown(1).numpy(), {"method": "dream"})


def test_model_without_labels_rejects_them(tmp_path):
    with pytest.raises(ValueError, match="not conditioned on labels"):
        loaded(tmp_path).sample(3, [1, 1, 1])
