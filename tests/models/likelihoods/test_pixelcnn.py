import itertools

import pytest
import torch
from torch import nn

from tests.support.small import config, digits, objective, shown, vae
from tests.support.trainings import started
from vaeline.core.errors import VaelineError
from vaeline.evaluation.estimators.annealed import annealed_importance_sampling
from vaeline.models.catalog import MODELS
from vaeline.models.likelihoods import pixelcnn as module
from vaeline.models.likelihoods.catalog import LIKELIHOODS
from vaeline.runtime.seeding import own_noise
from vaeline.training.fit import fit
from vaeline.training.steps.compiled import CompiledGradients
from vaeline.training.steps.gradients import Gradients


def pixelcnn(colours: int = 1, *, large: bool = True, **options: object):
    """Returns the likelihood, with weights so large that the previous pixels matter."""
    torch.manual_seed(0)
    section = {"name": "pixelcnn", "pixelcnn": options}
    built = LIKELIHOODS.build(config(likelihood=section).likelihood, event_shape=(colours, 8, 8))
    for parameter in built.parameters() if large else ():
        nn.init.normal_(parameter, std=0.5)
    return built


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(("layers", "kernel"), [(1, 3), (2, 3), (1, 5)])
@torch.no_grad()
def test_probabilities_of_all_binary_images_sum_to_one(layers, kernel, channels):
    sides = (2, 3) if channels == 1 else (1, 3)
    every = torch.tensor(list(itertools.product([0.0, 1.0], repeat=6))).reshape(64, 1, channels, *sides)
    built = pixelcnn(channels, layers=layers, kernel=kernel).double()
    logits = 2 * torch.randn(5, channels, *sides, dtype=torch.float64)
    log_p = built(logits).log_prob(every.double())
    assert log_p.shape == (64, 5)
    torch.testing.assert_close(log_p.exp().sum(0), torch.ones(5, dtype=torch.float64))


@torch.no_grad()
def test_it_starts_as_the_bernoulli_likelihood():
    logits, x = torch.randn(3, 4, 1, 8, 8), shown(4)
    bernoulli = LIKELIHOODS.build(config().likelihood, event_shape=(1, 8, 8))
    built = pixelcnn(large=False)
    torch.testing.assert_close(built(logits).log_prob(x), bernoulli(logits).log_prob(x))
    assert torch.equal(
        built.start(torch.rand(1, 8, 8) * 0 + 0.2), bernoulli.start(torch.full((1, 8, 8), 0.2))
    )
    assert torch.equal(built.evaluation_set(digits(9)), bernoulli.evaluation_set(digits(9)))


def test_binarization_is_that_of_the_bernoulli_block():
    section = {"name": "pixelcnn", "bernoulli": {"binarization": "static", "binarization_seed": 3}}
    built = LIKELIHOODS.build(config(likelihood=section).likelihood, event_shape=(1, 8, 8))
    bernoulli = config(likelihood=section | {"name": "bernoulli"}).likelihood
    static = LIKELIHOODS.build(bernoulli, event_shape=(1, 8, 8))
    assert torch.equal(built.training_set(digits(9)), static.training_set(digits(9)))


@torch.no_grad()
def test_draws_have_their_probabilities():
    built, n = pixelcnn(), 20_000
    p = built(torch.randn(1, 2, 2))
    every = torch.tensor(list(itertools.product([0.0, 1.0], repeat=4))).reshape(16, 1, 2, 2)
    expected = p.log_prob(every).exp()
    drawn = p.sample((n,))
    shares = torch.stack([(drawn == image).all((-1, -2)).float().mean() for image in every])
    assert expected.max() > 3 * expected.min()
    assert ((shares - expected) / (expected * (1 - expected) / n).sqrt()).abs().max() < 4.5


@torch.no_grad()
def test_mean_is_an_unbiased_estimate_of_that_of_draws():
    logits, n = torch.randn(1, 3, 3), 20_000
    built = pixelcnn()
    means, drawn = built(logits.expand(n, 1, 3, 3)).mean, built(logits).sample((n,))
    assert means.std(0).flatten()[1:].min() > 0  # the first pixel has none before it
    error = ((means.var(0) + drawn.var(0)) / n).sqrt()
    assert ((means.mean(0) - drawn.mean(0)) / error).abs().max() < 4.5


def test_gradient_reaches_the_decoder_through_the_mean():
    logits = torch.randn(2, 1, 4, 4, requires_grad=True)
    pixelcnn()(logits).mean.sum().backward()
    assert logits.grad.all()


def test_draws_use_the_global_generator():
    p = pixelcnn()(torch.zeros(5, 1, 4, 4))
    with own_noise(1):
        first = p.sample()
    with own_noise(1):
        assert torch.equal(p.sample(), first)
    assert set(first.unique().tolist()) == {0.0, 1.0}


def test_chunked_log_p_and_gradients_equal_those_at_once(monkeypatch):
    built, x = pixelcnn(), shown(4)

    def log_p_and_gradients() -> list[torch.Tensor]:
        torch.manual_seed(1)
        logits = torch.randn(3, 4, 1, 8, 8, requires_grad=True)
        log_p = built(logits).log_prob(x)
        return [log_p, *torch.autograd.grad(log_p.sum(), [logits, *built.parameters()])]

    whole = log_p_and_gradients()
    monkeypatch.setattr(module, "PIXELCNN_ROWS", 5)
    for chunked, expected in zip(log_p_and_gradients(), whole, strict=True):
        torch.testing.assert_close(chunked, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("layers", "kernel"), [(1, 3), (2, 3), (2, 5)])
def test_layers_and_kernel_set_the_reach(layers, kernel):
    built = pixelcnn(layers=layers, kernel=kernel)
    reach = layers * (kernel // 2)
    assert built.network.reach == reach
    x = torch.rand(40, 1, 9, 9).round().requires_grad_()
    logits = torch.zeros(40, 1, 9, 9)
    built(logits).conditional_logits(x)[:, 0, 6, 4].sum().backward()
    used = x.grad.abs().sum((0, 1)) > 0
    assert used.sum() == reach * (2 * reach + 1) + reach
    assert used[6 - reach : 7, 4 - reach : 5 + reach].sum() == used.sum()


@pytest.mark.parametrize("options", [{"layers": 0}, {"kernel": 4}, {"channels": 0}, {"reach": 3}])
def test_impossible_options_are_rejected(options):
    with pytest.raises(VaelineError, match=rf"likelihood\.pixelcnn\.{next(iter(options))}"):
        pixelcnn(**options)


@pytest.mark.parametrize("name", list(MODELS))
@pytest.mark.parametrize("k", [1, 3])
def test_loss_of_every_model_has_a_gradient_to_all_its_parameters(name, k):
    changes = {
        "model": {"name": name},
        "likelihood": {"name": "pixelcnn"},
        "objective": {"name": "iwae", "k": k},
    }
    params, model = config(**changes), vae((2, 8, 8), **changes)
    nn.init.normal_(model.likelihood.network.head[-1].weight, std=0.1)
    x = shown(4).repeat(1, 2, 1, 1)
    terms = objective(params)(model, x, 1.0)
    terms.loss.backward()
    for parameter_name, parameter in model.likelihood.named_parameters():
        assert torch.isfinite(parameter.grad).all(), parameter_name
        assert parameter.grad.any(), parameter_name
    assert model.sample(3).shape == (3, 2, 8, 8)


@pytest.mark.usefixtures("traced")
def test_compiled_gradients_are_the_same():
    section = {"name": "pixelcnn", "pixelcnn": {"layers": 1}}
    params, model = config(likelihood=section, batch_size=5), vae(likelihood=section)
    nn.init.normal_(model.likelihood.network.head[-1].weight, std=0.1)
    gradients = []
    for kind in (Gradients, CompiledGradients):
        step = kind(model, objective(params), params)
        torch.manual_seed(3)
        gradients.append(step(shown(5), 1.0).gradients)
        assert getattr(step, "possible", True)
    for eager, compiled in zip(*gradients, strict=True):
        torch.testing.assert_close(eager, compiled, rtol=1e-4, atol=1e-4)


def test_bfloat16_gradients_are_close_and_probabilities_in_full_precision():
    section, results = {"name": "pixelcnn"}, []
    for precision in ("float32", "bfloat16"):
        params = config(likelihood=section, precision=precision)
        torch.manual_seed(0)
        model = vae(likelihood=section)
        nn.init.normal_(model.likelihood.network.head[-1].weight, std=0.1)
        torch.manual_seed(1)
        results.append(Gradients(model, objective(params), params)(shown(50), 1.0))
    for full, half in zip(*(each.gradients for each in results), strict=True):
        assert half.dtype == torch.float32
        assert (full - half).norm() < 0.1 * full.norm()
    torch.testing.assert_close(results[1].monitored[0], results[0].monitored[0], rtol=0.01, atol=0)


def rate(**changes: object) -> float:
    """Returns the KL in nats after a short training on digits."""
    params = config(batch_size=50, epochs=8, learning_rate=2e-3, hidden_dim=100, latent_dim=8, **changes)
    training = started(params, n=1000)
    valid = training.model.likelihood.evaluation_set(digits(1200)[1000:])
    *_, last = fit(training, digits(1000), valid, params)
    return last.valid_kl


def test_wide_reach_lowers_the_rate_and_free_bits_restore_it():
    wide = {"name": "pixelcnn", "pixelcnn": {"channels": 8, "kernel": 7}}  # 6 of 8 pixels
    plain, collapsed, cured = rate(), rate(likelihood=wide), rate(likelihood=wide, free_bits=0.25)
    assert collapsed < plain / 2
    assert cured > 2 * collapsed


def test_annealed_importance_sampling_works_with_it():
    model = vae(likelihood={"name": "pixelcnn"}).eval()
    estimate = annealed_importance_sampling(model, model.likelihood.evaluation_set(digits(3)), steps=5)
    assert torch.isfinite(estimate.log_likelihood).all()
