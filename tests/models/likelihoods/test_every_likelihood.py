import pytest
import torch
from torch.distributions import constraints

from tests.support.small import config, digits, objective, vae
from vaeline.core.errors import VaelineError
from vaeline.core.scaling import Range, Standardised
from vaeline.data.draws import Draws
from vaeline.evaluation.estimators.bounds import importance_bounds
from vaeline.models.likelihoods.catalog import LIKELIHOODS

SHAPE = (1, 8, 8)


def likelihood(name: str, event_shape: tuple[int, ...] = SHAPE, **options: object):
    section = {"name": name, **({name: options} if options else {})}
    return LIKELIHOODS.build(config(likelihood=section).likelihood, event_shape=event_shape)


def parameters(module, *batch: int) -> torch.Tensor:
    return torch.randn(*batch, *module.parameter_shape)


@pytest.mark.parametrize("name", list(LIKELIHOODS))
def test_call_returns_one_distribution_for_each_draw_and_example(name):
    module = likelihood(name)
    p = module(parameters(module, 3, 4))
    assert (p.batch_shape, p.event_shape) == ((3, 4), SHAPE)
    x = module.observe(digits(4), Draws.of_seed(0, 4))
    assert p.log_prob(x).shape == (3, 4)
    assert p.mean.shape == (3, 4, *SHAPE)
    if p.support.base_constraint is not constraints.real:
        assert ((p.mean >= 0) & (p.mean <= 1)).all()


@pytest.mark.parametrize("name", list(LIKELIHOODS))
def test_evaluation_set_is_always_the_same(name):
    images, modules = digits(50), [likelihood(name) for _ in range(2)]
    state = torch.get_rng_state()
    first, second = (module.evaluation_set(images) for module in modules)
    assert torch.equal(first, second)
    assert first.dtype in (torch.uint8, torch.float32)
    assert first.shape == images.shape
    assert ((first >= 0) & (first <= 255)).all()
    assert torch.equal(images, digits(50))
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("name", list(LIKELIHOODS))
def test_observations_are_in_0_to_1_and_use_only_the_given_generator(name):
    module = likelihood(name)
    images = module.training_set(digits(50))
    assert images.dtype == torch.uint8
    state = torch.get_rng_state()
    x, again = (module.observe(images, Draws.of_seed(1, len(images))) for _ in range(2))
    assert (x.dtype, x.shape) == (torch.float32, images.shape)
    assert x.min() >= 0
    assert x.max() <= 1
    assert torch.equal(x, again)
    assert torch.equal(torch.get_rng_state(), state)


FLOATS = torch.rand(200, *SHAPE, generator=torch.Generator().manual_seed(1))
SCALINGS = {
    "range": Range(low=0, high=1),
    "standardised": Standardised(mean=[0.0], std=[1.0], least=[-3.0], most=[3.0]),
}
OF_FLOATS = [
    (name, kind) for name in LIKELIHOODS for kind in SCALINGS if kind in LIKELIHOODS[name].kinds
]  # fmt: skip
OF_LEVELS = [
    (name, kind) for name in LIKELIHOODS for kind in SCALINGS if kind not in LIKELIHOODS[name].kinds
]  # fmt: skip


def of_floats(name: str, kind: str):
    section = config(likelihood={"name": name}).likelihood
    return LIKELIHOODS.build(section, event_shape=SHAPE, scaling=SCALINGS[kind])


def test_floats_of_a_range_have_three_likelihoods_and_standardised_ones_the_gaussian():
    of_range = ["bernoulli", "continuous_bernoulli", "gaussian"]
    assert sorted(OF_FLOATS) == [(name, "range") for name in of_range] + [("gaussian", "standardised")]


@pytest.mark.parametrize(("name", "kind"), OF_FLOATS)
def test_floats_are_observed_as_they_are_or_binarized_and_have_no_bits(name, kind):
    module = of_floats(name, kind)
    draws = Draws.of_seed(0, len(FLOATS))
    x, scored = module.observe(module.training_set(FLOATS), draws), module.evaluation_set(FLOATS)
    if module(parameters(module, 1)).support.is_discrete:
        for binary in (x, scored):
            assert set(binary.unique().tolist()) == {0.0, 1.0}
            assert abs(binary.mean() - FLOATS.mean()) < 4.5 / 2 / FLOATS.numel() ** 0.5
    else:
        assert x is FLOATS
        assert scored is FLOATS
    assert module.measures(torch.zeros(4), 64) == {}


@pytest.mark.parametrize(("name", "kind"), OF_LEVELS)
def test_values_without_a_likelihood_are_rejected_before_training(name, kind):
    words = rf"of the data are {kind}: .*`dvc exp run -S likelihood.name=gaussian`$"
    with pytest.raises(VaelineError, match=words):
        of_floats(name, kind)


@pytest.mark.parametrize("name", list(LIKELIHOODS))
def test_it_is_normalised_over_the_values_of_an_evaluated_pixel(name):
    module = likelihood(name, (1, 1, 1)).eval()
    p = module(0.5 * parameters(module, 1, 6))
    if p.support.is_discrete:
        grey = torch.arange(256, dtype=torch.uint8).repeat(16).reshape(-1, 1, 1, 1)
        pixels, width = module.evaluation_set(grey).unique().float() / 255, 1.0
    else:
        # Midpoints, so that the ends of a bounded support need no weight of their own.
        pixels, width = torch.arange(-20, 20, 1e-3) + 5e-4, 1e-3
    x = pixels.reshape(-1, 1, 1, 1, 1)
    inside = p.support.check(x).double().reshape(-1, 1)
    totals = (p.log_prob(x).double().exp() * inside).sum(0) * width
    assert (totals - 1).abs().max() < 1e-4


@pytest.mark.parametrize("name", list(LIKELIHOODS))
def test_mean_is_that_of_draws(name):
    module = likelihood(name)
    p = module(parameters(module, 2, 3))
    x = p.sample((10_000,))
    error = (x.mean(0) - p.mean) / (x.std(0) / 100).clamp(min=1e-6)
    assert error.abs().max() < 5


@pytest.mark.parametrize("name", list(LIKELIHOODS))
def test_gradient_reaches_every_parameter_of_every_pixel(name):
    module = likelihood(name)
    decoded = (0.1 * parameters(module, 1, 4)).requires_grad_()  # small, so that every component counts
    module(decoded).log_prob(module.observe(digits(4), Draws.of_seed(0, 4))).sum().backward()
    assert torch.isfinite(decoded.grad).all()
    assert (decoded.grad != 0).all()


@pytest.mark.parametrize("name", list(LIKELIHOODS))
def test_model_with_it_learns_and_its_samples_are_images(name):
    torch.manual_seed(0)
    model, loss = vae(likelihood={"name": name}), objective()
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    x = model.likelihood.observe(digits(200), Draws.of_seed(0, 200))
    losses = []
    for _ in range(30):
        optimizer.zero_grad()
        losses.append(loss(model, x, 1.0).loss)
        losses[-1].backward()
        optimizer.step()
    assert losses[-1] < losses[0] - 1
    samples = model.eval().sample(5)
    assert ((samples >= 0) & (samples <= 1)).all()
    images = model.likelihood.evaluation_set(digits(50))
    bounds = importance_bounds(model, images, (1, 20))
    assert (bounds.iwae - bounds.bounds[:, 0]).mean() > 0
