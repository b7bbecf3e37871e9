"""The cost of a likelihood that is not as wide as its errors, where it has a closed form."""

import math
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.distributions import Independent, Normal

from tests.support.small import split, vae
from vaeline.evaluation.estimators.calibration import calibration_cost
from vaeline.evaluation.observing import evaluation_set
from vaeline.models.catalog import MODELS
from vaeline.models.likelihoods.catalog import LIKELIHOODS

SHAPE = (1, 8, 8)
LEVEL = 1 / 255


class Normally(Independent):
    """A normal distribution, or its masses of intervals of a width."""

    def __init__(self, mean: torch.Tensor, sigma: float, width: float) -> None:
        super().__init__(Normal(mean, sigma), 3)
        self.width = width

    def log_prob(self, value: torch.Tensor) -> torch.Tensor:
        if not self.width:
            return super().log_prob(value)
        above, below = (self.base_dist.cdf(value + side * self.width / 2) for side in (1, -1))
        return (above - below).log().sum((-1, -2, -3))


class Guessing(nn.Module):
    """A model for which all values are ½, with a fixed σ."""

    event_shape = SHAPE

    def __init__(self, sigma: float, step: float | None) -> None:
        super().__init__()
        self.sigma, self.unused = sigma, nn.Parameter(torch.zeros(()))
        self.likelihood = SimpleNamespace(step=step)

    def infer(self, x):
        mean = torch.full((1, *x.shape), 0.5, dtype=torch.float64)
        return SimpleNamespace(likelihood=Normally(mean, self.sigma, self.likelihood.step))


def values(sigma: float) -> torch.Tensor:
    """Returns images whose values have exactly this root mean square distance from ½."""
    noise = torch.randn(200, *SHAPE, generator=torch.Generator().manual_seed(0))
    return 0.5 + sigma * noise / noise.square().mean().sqrt()


@pytest.mark.parametrize("factor", [0.5, 0.9, 1.0, 1.5, 4.0])
def test_it_is_the_divergence_of_the_normal_distributions(factor):
    """E log N(x; 0, v) / N(x; 0, s²) = ½ (log(s²/v) + v/s² − 1) where E x² = v: a KL divergence."""
    measures = calibration_cost(Guessing(0.1 * factor, 0.0), values(0.1))
    nats = 0.5 * (2 * math.log(factor) + factor**-2 - 1)
    assert measures["calibration_cost"] == pytest.approx(nats / math.log(2), abs=1e-5)


def test_its_error_is_that_of_a_mean_over_images():
    x = values(0.1)
    measures = calibration_cost(Guessing(0.05, 0.0), x)
    per_image = (x - 0.5).square().flatten(1).mean(1).double() * (0.05**-2 - 0.1**-2) / 2 / math.log(2)
    assert measures["calibration_cost_se"] == pytest.approx(per_image.std().item() / 200**0.5, rel=1e-4)


@pytest.mark.parametrize("sigma", [4 * LEVEL, 0.1])
@pytest.mark.parametrize("factor", [0.7, 1.0, 2.0])
def test_masses_of_levels_cost_as_much_as_the_density_of_dequantized_ones(sigma, factor):
    """Where σ is several levels: the density is then about the same all over a level."""
    rounded = (values(sigma) * 255).round() / 255
    spread = rounded + LEVEL * (torch.rand(rounded.shape, generator=torch.Generator().manual_seed(1)) - 0.5)
    levels = calibration_cost(Guessing(factor * sigma, LEVEL), rounded)
    density = calibration_cost(Guessing(factor * sigma, 0.0), spread)
    assert levels["calibration_cost"] == pytest.approx(density["calibration_cost"], abs=0.02)


def test_errors_of_nothing_at_all_are_fitted_by_the_least_sigma_that_is_learned():
    measures = calibration_cost(Guessing(math.exp(-6), 0.0), torch.full((50, *SHAPE), 0.5))
    assert measures["calibration_cost"] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("name", list(LIKELIHOODS))
def test_likelihoods_of_quantities_have_it_and_those_of_binary_pixels_do_not(name):
    model = vae(likelihood={"name": name})
    measures = calibration_cost(model, evaluation_set(model, split(40)))
    assert bool(measures) == (name not in ("bernoulli", "pixelcnn"))
    assert all(math.isfinite(value) for value in measures.values())


@pytest.mark.parametrize("name", list(MODELS))
def test_every_model_with_a_gaussian_has_it(name):
    model = vae(model={"name": name}, likelihood={"name": "gaussian"})
    measures = calibration_cost(model, evaluation_set(model, split(40)))
    assert measures.keys() == {"calibration_cost", "calibration_cost_se"}


def test_a_sigma_that_is_far_too_large_costs_what_the_closed_form_says():
    """Of a real model: at σ = 10 all errors are negligible, and the cost is log₂(10 / σ*) − ½ log₂ e."""
    model = vae(likelihood={"name": "gaussian", "gaussian": {"variance": "fixed", "scale": 10.0}})
    images = evaluation_set(model, split(60))
    torch.manual_seed(0)
    error = (model.infer(images).likelihood.mean[0] - images).square().mean().item()
    torch.manual_seed(0)
    expected = math.log2(10 / error**0.5) - 0.5 / math.log(2)
    assert calibration_cost(model, images)["calibration_cost"] == pytest.approx(expected, abs=0.01)
