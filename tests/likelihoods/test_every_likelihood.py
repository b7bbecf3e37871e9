import pytest
import torch

from tests.small import config, digits
from vaeline.likelihoods import LIKELIHOODS

SHAPE = (1, 8, 8)


def likelihood(name: str, **options: object):
    return LIKELIHOODS.build(config(likelihood={"name": name, name: options}).likelihood)


def parameters(module, *batch: int, shape: tuple[int, int, int] = SHAPE) -> torch.Tensor:
    return torch.randn(*batch, shape[0] * module.channels, *shape[1:])


@pytest.mark.parametrize("name", list(LIKELIHOODS))
def test_it_is_one_distribution_over_images_for_each_draw_and_example(name):
    module = likelihood(name)
    p = module(parameters(module, 3, 4))
    assert (p.batch_shape, p.event_shape) == ((3, 4), SHAPE)
    x = module.observe(digits(4), torch.Generator())
    assert p.log_prob(x).shape == (3, 4)
    assert p.mean.shape == (3, 4, *SHAPE)
    assert ((p.mean >= 0) & (p.mean <= 1)).all()


@pytest.mark.parametrize("name", list(LIKELIHOODS))
def test_the_images_that_bounds_are_scored_on_are_always_the_same(name):
    images = digits(50)
    state = torch.get_rng_state()
    first, second = likelihood(name).evaluation_set(images), likelihood(name).evaluation_set(images)
    assert torch.equal(first, second)
    assert (first.dtype, first.shape) == (torch.uint8, images.shape)
    assert torch.equal(images, digits(50))
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("name", list(LIKELIHOODS))
def test_what_the_model_is_shown_lies_between_0_and_1_and_draws_from_the_generator_alone(name):
    module = likelihood(name)
    images = module.training_set(digits(50))
    assert images.dtype == torch.uint8
    state = torch.get_rng_state()
    x, again = (module.observe(images, torch.Generator().manual_seed(1)) for _ in range(2))
    assert (x.dtype, x.shape) == (torch.float32, images.shape)
    assert x.min() >= 0
    assert x.max() <= 1
    assert torch.equal(x, again)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("name", list(LIKELIHOODS))
def test_it_is_normalised_over_what_an_evaluated_pixel_can_be(name):
    module = likelihood(name)
    p = module(2 * parameters(module, 1, 6, shape=(1, 1, 1)))
    if p.support.is_discrete:
        grey = torch.arange(256, dtype=torch.uint8).repeat(16).reshape(-1, 1, 1, 1)
        pixels, width = module.evaluation_set(grey).unique().float() / 255, 1.0
    else:
        pixels, width = torch.linspace(-20, 20, 40_001), 1e-3
    x = pixels.reshape(-1, 1, 1, 1, 1)
    totals = p.log_prob(x).double().exp().sum(0) * width
    assert (totals - 1).abs().max() < 1e-4


@pytest.mark.parametrize("name", list(LIKELIHOODS))
def test_its_mean_is_that_of_its_draws(name):
    module = likelihood(name)
    p = module(parameters(module, 2, 3))
    x = p.sample((10_000,))
    error = (x.mean(0) - p.mean) / (x.std(0) / 100).clamp(min=1e-6)
    assert error.abs().max() < 5


@pytest.mark.parametrize("name", list(LIKELIHOODS))
def test_a_gradient_reaches_every_parameter_of_every_pixel(name):
    module = likelihood(name)
    decoded = parameters(module, 1, 4).requires_grad_()
    module(decoded).log_prob(module.observe(digits(4), torch.Generator())).sum().backward()
    assert torch.isfinite(decoded.grad).all()
    assert (decoded.grad != 0).all()
