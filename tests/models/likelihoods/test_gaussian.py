import math

import pytest
import torch
from torch.distributions import Normal

from tests.support.small import config, digits, objective, vae
from vaeline.core.errors import VaelineError
from vaeline.data.draws import Draws
from vaeline.models.likelihoods.catalog import LIKELIHOODS
from vaeline.training.steps.compiled import CompiledGradients
from vaeline.training.steps.gradients import Gradients

VARIANCES = ("fixed", "shared", "optimal", "per_pixel")


def gaussian(variance: str, **options: object):
    section = {"name": "gaussian", "gaussian": {"variance": variance, **options}}
    return LIKELIHOODS.build(config(likelihood=section).likelihood, event_shape=(1, 4, 4))


def decoded(module, *batch: int) -> torch.Tensor:
    return torch.randn(*batch, *module.parameter_shape)


@pytest.mark.parametrize("scale", [0.003, 0.02, 0.3, 5.0])
@pytest.mark.parametrize("variance", VARIANCES)
def test_it_starts_as_torchs_normal_with_the_given_scale(variance, scale):
    """Also near the floor: 0.003 is 1.2 times the least σ."""
    module, x = gaussian(variance, scale=scale).eval(), torch.rand(3, 1, 4, 4)
    means = torch.randn(2, 3, 1, 4, 4)
    parameters = torch.cat([means, *[torch.zeros_like(means)] * (module.parameter_shape[0] - 1)], dim=-3)
    torch.testing.assert_close(module(parameters).stddev, torch.full_like(means, scale), rtol=1e-5, atol=0)
    expected = Normal(means, scale).log_prob(x).sum((-3, -2, -1))
    torch.testing.assert_close(module(parameters).log_prob(x), expected, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("variance", VARIANCES)
def test_scale_below_the_floor_is_rejected_unless_it_is_fixed(variance):
    if variance == "fixed":
        assert gaussian(variance, scale=1e-3).spread.scale == 1e-3
        return
    with pytest.raises(VaelineError, match=r"scale must be above exp\(-6\) = 0\.00248, .* found 0\.001"):
        gaussian(variance, scale=1e-3)


def test_scale_per_pixel_has_a_floor():
    module = gaussian("per_pixel")
    parameters = torch.cat([torch.zeros(1, 1, 1, 4, 4), torch.full((1, 1, 1, 4, 4), -1e4)], dim=-3)
    assert module(parameters).stddev.min().item() == pytest.approx(math.exp(-6))


def test_optimal_variance_maximises_the_likelihood_of_the_batch():
    module, x = gaussian("optimal"), torch.rand(5, 1, 4, 4)
    means = decoded(module, 2, 5)
    of_images = module(means).log_prob(x)
    best, squares = of_images.sum(), (x - means).square().mean()
    torch.testing.assert_close(of_images, Normal(means, squares.sqrt()).log_prob(x).sum((-3, -2, -1)))
    for factor in (0.9, 0.99, 1.01, 1.1):
        assert Normal(means, (factor * squares).sqrt()).log_prob(x).sum() < best


def test_optimal_variance_in_evaluation_is_the_mean_over_training_batches():
    """Whatever the batch to be evaluated: otherwise the bound would not be of one density."""
    module = gaussian("optimal")
    errors = []
    for _ in range(5):
        x, means = torch.rand(6, 1, 4, 4), decoded(module, 1, 6)
        module(means).log_prob(x)
        errors.append((x - means).square().mean())
    module.eval()
    expected = torch.stack(errors).mean()
    for batch in (1, 7):
        variance = module(decoded(module, 1, batch)).variance
        torch.testing.assert_close(variance, expected.expand_as(variance))
        module(decoded(module, 1, batch)).log_prob(torch.rand(batch, 1, 4, 4))
    torch.testing.assert_close(module.spread.running_variance, expected)


def test_bits_per_dimension_of_a_flat_density_are_8():
    module = gaussian("fixed")
    flat = module.measures(torch.zeros(3), 64)["bits_per_dim"]
    assert flat.tolist() == [8.0] * 3
    halved = module.measures(torch.full((3,), 64 * math.log(2)), 64)["bits_per_dim"]
    assert halved.tolist() == pytest.approx([7.0] * 3)


def test_dequantized_values_lie_in_the_interval_of_their_level():
    module, images = gaussian("fixed"), torch.arange(256, dtype=torch.uint8).reshape(256, 1, 1, 1)
    observed = module.observe(images.expand(-1, 1, 8, 8), Draws.of_seed(0, len(images)))
    scored = module.evaluation_set(images.expand(-1, 1, 8, 8).contiguous())
    for x in (observed, scored):
        assert (
            (x * 256).floor().clamp(max=255) == images
        ).float().mean() > 0.999  # except for rounding at an edge
        assert 0.45 < (x * 256 - images).mean() < 0.55


@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize("variance", VARIANCES)
def test_compiled_gradients_and_buffers_are_the_same(variance):
    section = {"name": "gaussian", "gaussian": {"variance": variance}}
    results = []
    for kind in (Gradients, CompiledGradients):
        params = config(batch_size=16, likelihood=section)
        torch.manual_seed(0)
        model = vae(likelihood=section)
        x = model.likelihood.observe(digits(16), Draws.of_seed(0, 16))
        step = kind(model, objective(params), params)
        torch.manual_seed(1)
        results.append((step(x, 1.0).gradients, model.state_dict()))
        assert getattr(step, "possible", True)
    for eager, compiled in zip(*(gradients for gradients, _ in results), strict=True):
        torch.testing.assert_close(eager, compiled, rtol=1e-4, atol=1e-4)
    for name, value in results[0][1].items():
        torch.testing.assert_close(value, results[1][1][name])
