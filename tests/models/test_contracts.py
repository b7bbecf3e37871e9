"""Observations that are not images."""

import pytest
import torch

from tests.support.small import vae
from vaeline.core.errors import VaelineError
from vaeline.models.catalog import MODELS

K, B = 3, 4
LIKELIHOODS_OF_ANY_SHAPE = ("bernoulli", "gaussian", "continuous_bernoulli")


@pytest.mark.parametrize("name", list(MODELS))
@pytest.mark.parametrize("likelihood", LIKELIHOODS_OF_ANY_SHAPE)
@pytest.mark.parametrize("event_shape", [(12,), (2, 5)], ids=str)
def test_every_model_takes_observations_of_any_shape(name, likelihood, event_shape):
    model = vae(event_shape, model={"name": name}, likelihood={"name": likelihood}).eval()
    x = torch.rand(B, *event_shape)
    result = model.infer(x, K)
    assert result.likelihood.event_shape == event_shape
    assert torch.isfinite(result.log_weights(x)).all()
    assert model.sample(2).shape == (2, *event_shape)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"network": {"name": "conv"}}, "a convolutional network needs images, .* use network.name=mlp"),
        ({"network": {"name": "residual"}}, "a convolutional network needs images"),
        (
            {"likelihood": {"name": "pixelcnn"}},
            r"'pixelcnn' needs images, not .* of shape \(12,\): use bernou",
        ),
        ({"likelihood": {"name": "discretized_logistic"}}, "'discretized_logistic' needs images"),
    ],
    ids=str,
)
def test_error_for_a_part_that_needs_images_names_it(section, message):
    with pytest.raises(VaelineError, match=message):
        vae((12,), **section)
