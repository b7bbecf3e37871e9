"""Mixtures of discretized logistics: checked by sums over all levels, and against SciPy's logistic."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy.stats import logistic

from tests.support.small import config, digits, objective, vae
from vaeline.core.errors import VaelineError
from vaeline.data.draws import Draws
from vaeline.models.likelihoods.catalog import LIKELIHOODS
from vaeline.models.likelihoods.discretized_logistic import LevelMixture
from vaeline.training.steps.compiled import CompiledGradients
from vaeline.training.steps.gradients import Gradients

LEVELS = torch.arange(256, dtype=torch.float64) / 255
LOCS = (-1e4, -3.0, -1e-3, 0.0, 0.2, 0.5017, 1.0, 1.002, 7.0, 1e4)
LOG_SCALES = (-20.0, -12.0, -7.7, -5.0, -2.0, 0.0, 3.0, 10.0, 20.0)
DRAWS = 100_000


def built(event_shape: tuple[int, ...] = (1, 1, 1), **options: int):
    section = {"name": "discretized_logistic", "discretized_logistic": options}
    return LIKELIHOODS.build(config(likelihood=section).likelihood, event_shape=event_shape)


def of_one_pixel(dtype: torch.dtype, shape: tuple[int, ...] = (-1, 1, 1, 1, 1)):
    """Returns every pair of LOCS and LOG_SCALES, one component each, with the parameters as leaves."""
    pairs = torch.tensor(list(itertools.product(LOCS, LOG_SCALES)), dtype=dtype)
    loc, log_scale = (values.reshape(shape).requires_grad_() for values in pairs.T)
    return LevelMixture(torch.zeros(len(pairs), 1, 1, 1, dtype=dtype), loc, log_scale), loc, log_scale


@pytest.mark.parametrize(("dtype", "error"), [(torch.float64, 1e-14), (torch.float32, 1e-6)])
def test_masses_of_the_256_levels_sum_to_1_for_any_location_and_scale(dtype, error):
    p, *leaves = of_one_pixel(dtype)
    masses = p.log_prob(LEVELS.to(dtype).reshape(-1, 1, 1, 1, 1))
    assert torch.isfinite(masses).all()
    assert (masses.exp().sum(0) - 1).abs().max() < error
    for gradient in torch.autograd.grad(masses.sum(), leaves):
        assert torch.isfinite(gradient).all()


def test_mass_is_the_difference_of_scipys_distribution_function():
    loc, scale = 0.37, 0.03
    p = LevelMixture(
        torch.zeros(1, 1, 1), torch.full((1, 1, 1, 1), loc), torch.full((1, 1, 1, 1), math.log(scale))
    )
    ends = np.concatenate([[-np.inf], (np.arange(255) + 0.5) / 255, [np.inf]])
    expected = np.diff(logistic.cdf(ends, loc, scale))
    masses = p.log_prob(LEVELS.float().reshape(-1, 1, 1, 1)).exp()
    np.testing.assert_allclose(masses, expected, rtol=2e-5, atol=1e-12)


def test_far_tails_are_precise_in_float32():
    """At 100 s from μ the mass is zero in float32; its logarithm equals that in double precision."""
    fine, coarse = (
        of_one_pixel(dtype)[0].log_prob(LEVELS.to(dtype).reshape(-1, 1, 1, 1, 1))
        for dtype in (torch.float64, torch.float32)
    )
    assert fine.min() < -1000
    torch.testing.assert_close(coarse.double(), fine, rtol=3e-4, atol=3e-4)


@pytest.mark.parametrize("level", [0, 1, 128, 254, 255])
def test_gradients_at_the_edges_are_precise_in_float32(level):
    gradients = []
    for dtype in (torch.float64, torch.float32):
        p, *leaves = of_one_pixel(dtype)
        x = torch.full((1, 1, 1, 1), level / 255, dtype=dtype)
        gradients.append([g.double() for g in torch.autograd.grad(p.log_prob(x).sum(), leaves)])
    for fine, coarse in zip(*gradients, strict=True):
        torch.testing.assert_close(coarse, fine, rtol=1e-2, atol=1e-3)


def test_mixture_in_colour_equals_its_formula():
    """Two pixels of two channels, with three components that both channels share."""
    torch.manual_seed(0)
    weights, loc = torch.randn(3, 1, 2), torch.rand(3, 2, 1, 2)
    log_scale = torch.randn(3, 2, 1, 2) - 3
    x = torch.tensor([[0, 17], [200, 255]]).reshape(2, 1, 2) / 255
    expected = 0.0
    for pixel in range(2):
        share = weights[:, 0, pixel].softmax(0)
        total = 0.0
        for m in range(3):
            single = (
                LevelMixture(
                    torch.zeros(1, 1, 1), *(t[m, c, 0, pixel].reshape(1, 1, 1, 1) for t in (loc, log_scale))
                )
                .log_prob(x[c, 0, pixel].reshape(1, 1, 1))
                .exp()
                for c in range(2)
            )
            total = total + share[m] * math.prod(single)
        expected = expected + total.log()
    torch.testing.assert_close(LevelMixture(weights, loc, log_scale).log_prob(x), expected)


def test_masses_of_all_colours_of_a_pixel_sum_to_1():
    module = built((2, 1, 1), components=3)
    p = module(torch.randn(module.parameter_shape))
    pairs = torch.cartesian_prod(LEVELS.float(), LEVELS.float()).reshape(-1, 2, 1, 1)
    assert p.log_prob(pairs).double().exp().sum().item() == pytest.approx(1, abs=1e-5)


def test_mean_is_within_half_a_level_of_that_of_the_levels():
    p, *_ = of_one_pixel(torch.float64)
    exact = (p.log_prob(LEVELS.reshape(-1, 1, 1, 1, 1)).exp() * LEVELS[:, None]).sum(0)
    error = (p.mean.flatten() - exact).abs().reshape(len(LOCS), len(LOG_SCALES))
    assert error.max() < 0.5 / 255
    assert error[:, torch.tensor(LOG_SCALES) > -math.log(255)].max() < 1e-4
    coarse, *_ = of_one_pixel(torch.float32)
    torch.testing.assert_close(coarse.mean.double(), p.mean, atol=1e-5, rtol=0)


def test_mean_is_that_of_each_image():
    """Of two draws of three images, with more components than channels."""
    module = built((2, 4, 5), components=6)
    parameters = torch.randn(2, 3, *module.parameter_shape)
    alone = [[module(parameters[k, n]).mean for n in range(3)] for k in range(2)]
    torch.testing.assert_close(module(parameters).mean, torch.stack([torch.stack(row) for row in alone]))


def test_draws_have_the_masses_of_their_levels():
    module = built((3, 1, 2), components=2)
    p = module(0.5 * torch.randn(module.parameter_shape))
    levels = (p.sample((DRAWS,)) * 255).round().long()
    for c, pixel in itertools.product(range(3), range(2)):
        single = LevelMixture(
            p.log_weights[:, :, pixel : pixel + 1],
            p.loc[:, c : c + 1, :, pixel : pixel + 1],
            p.log_scale[:, c : c + 1, :, pixel : pixel + 1],
        )
        masses = single.log_prob(LEVELS.float().reshape(-1, 1, 1, 1)).exp()
        shares = levels[:, c, 0, pixel].bincount(minlength=256) / DRAWS
        assert ((shares - masses).abs() < 5 * (masses / DRAWS).sqrt() + 5 / DRAWS).all()
    # The channels of a pixel covary only by the component that they share.
    means = [
        LevelMixture(torch.zeros(1, 1, 2), p.loc[[m]], p.log_scale[[m]]).mean[..., 0, 0] for m in range(2)
    ]
    share = p.log_weights[:, 0, 0].exp()
    expected = share[0] * share[1] * torch.outer(means[0] - means[1], means[0] - means[1])
    covariance = (levels[:, :, 0, 0].float() / 255).T.cov()
    apart = ~torch.eye(3, dtype=torch.bool)
    assert expected[apart].abs().max() > 0.02
    assert (covariance - expected)[apart].abs().max() < 5 * 0.5**2 / DRAWS**0.5


def test_components_start_spread_evenly_around_the_mean_image():
    module = built((3, 4, 5))
    mean = torch.rand(3, 4, 5)
    p = module(module.start(mean))
    torch.testing.assert_close(p.loc.mean(-4), mean)
    torch.testing.assert_close(p.log_scale.exp(), torch.full_like(p.log_scale, 0.1))
    module = built((3, 1, 1))
    flat = module(torch.zeros(module.parameter_shape))
    bits = module.measures(flat.log_prob(LEVELS.float().reshape(-1, 1, 1, 1).expand(-1, 3, -1, -1)), 3)[
        "bits_per_dim"
    ]
    assert bits.mean() < 9


def test_scale_has_a_floor():
    module = built()
    decoded = torch.zeros(module.parameter_shape)
    decoded[-5:] = -1e4
    assert module(decoded).log_scale.min().item() == pytest.approx(-7.7)


def test_bits_per_dimension_are_those_of_the_mass():
    """Uniform masses of 1/256 cost 8 bits, as a flat density of dequantized values does."""
    module = built()
    even = torch.full((3,), -64 * math.log(256))
    assert module.measures(even, 64)["bits_per_dim"].tolist() == pytest.approx([8.0] * 3)


@pytest.mark.usefixtures("traced")
def test_compiled_gradients_are_the_same():
    section = {"name": "discretized_logistic"}
    gradients = []
    for kind in (Gradients, CompiledGradients):
        params = config(batch_size=16, likelihood=section)
        torch.manual_seed(0)
        model = vae(likelihood=section)
        x = model.likelihood.observe(digits(16), Draws.of_seed(0, 16))
        step = kind(model, objective(params), params)
        torch.manual_seed(1)
        gradients.append(step(x, 1.0).gradients)
        assert getattr(step, "possible", True)
    for eager, compiled in zip(*gradients, strict=True):
        torch.testing.assert_close(eager, compiled, rtol=1e-4, atol=1e-4)


def test_zero_components_are_rejected():
    with pytest.raises(VaelineError, match=r"discretized_logistic\.components = 0 is not allowed"):
        built(components=0)
