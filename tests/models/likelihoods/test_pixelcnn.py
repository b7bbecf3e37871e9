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
from vaeline.training.gradients import CompiledGradients, Gradients


def pixelcnn(colours: int = 1, *, drawn: bool = True, **options: object):
    """Returns the likelihood, with weights drawn so large that the pixels before count."""
    torch.manual_seed(0)
    section = {"name": "pixelcnn", "pixelcnn": options}
    built = LIKELIHOODS.build(config(likelihood=section).likelihood, event_shape=(colours, 8, 8))
    for parameter in built.parameters() if drawn else ():
        nn.init.normal_(parameter, std=0.5)
    return built


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(("layers", "kernel"), [(1, 3), (2, 3), (1, 5)])
@torch.no_grad()
def test_the_probabilities_of_all_binary_images_sum_to_one(layers, kernel, channels):
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
    built = pixelcnn(drawn=False)
    torch.testing.assert_close(built(logits).log_prob(x), bernoulli(logits).log_prob(x))
    assert torch.equal(
        built.start(torch.rand(1, 8, 8) * 0 + 0.2), bernoulli.start(torch.full((1, 8, 8), 0.2))
    )
    assert torch.equal(built.evaluation_set(digits(9)), bernoulli.evaluation_set(digits(9)))


def test_it_is_binarized_as_the_bernoulli_block_tells():
    section = {"name": "pixelcnn", "bernoulli": {"binarization": "static", "binarization_seed": 3}}
    built = LIKELIHOODS.build(config(likelihood=section).likelihood, event_shape=(1, 8, 8))
    bernoulli = config(likelihood=section | {"name": "bernoulli"}).likelihood
    static = LIKELIHOODS.build(bernoulli, event_shape=(1, 8, 8))
    assert torch.equal(built.training_set(digits(9)), static.training_set(digits(9)))


@torch.no_grad()
def test_what_it_draws_has_the_probability_that_it_says():
    built, n = pixelcnn(), 20_000
    p = built(torch.randn(1, 2, 2))
    every = torch.tensor(list(itertools.product([0.0, 1.0], repeat=4))).reshape(16, 1, 2, 2)
    expected = p.log_prob(every).exp()
    drawn = p.sample((n,))
    shares = torch.stack([(drawn == image).all((-1, -2)).float().mean() for image in every])
    assert expected.max() > 3 * expected.min()
    assert ((shares - expected) / (expected * (1 - expected) / n).sqrt()).abs().max() < 4.5


@torch.no_grad()
def test_its_mean_is_an_unbiased_estimate_of_that_of_its_draws():
    logits, n = torch.randn(1, 3, 3), 20_000
    built = pixelcnn()
    means, drawn = built(logits.expand(n, 1, 3, 3)).mean, built(logits).sample((n,))
    assert means.std(0).flatten()[1:].min() > 0  # the first pixel has none before it
    error = ((means.var(0) + drawn.var(0)) / n).sqrt()
    assert ((means.mean(0) - drawn.mean(0)) / error).abs().max() < 4.5


def test_a_gradient_reaches_the_decoder_through_its_mean():
    logits = torch.randn(2, 1, 4, 4, requires_grad=True)
    pixelcnn()(logits).mean.sum().backward()
    assert logits.grad.all()


def test_its_draws_are_of_the_global_generator():
    p = pixelcnn()(torch.zeros(5, 1, 4, 4))
    with own_noise(1):
        first = p.sample()
    with own_noise(1):
        assert torch.equal(p.sample(), first)
    assert set(first.unique().tolist()) == {0.0, 1.0}


def test_in_pieces_it_says_and_learns_the_same_as_at_once(monkeypatch):
    built, x = pixelcnn(), shown(4)

    def found() -> list[torch.Tensor]:
        torch.manual_seed(1)
        logits = torch.randn(3, 4, 1, 8, 8, requires_grad=True)
        log_p = built(logits).log_prob(x)
        return [log_p, *torch.autograd.grad(log_p.sum(), [logits, *built.parameters()])]

    whole = found()
    monkeypatch.setattr(module, "PIXELCNN_ROWS", 5)
    for one, other in zip(found(), whole, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("layers", "kernel"), [(1, 3), (2, 3), (2, 5)])
def test_its_options_are_its_reach(layers, kernel):
    built = pixelcnn(layers=layers, kernel=kernel)
    reach = layers * (kernel // 2)
    assert built.network.reach == reach
    x = torch.rand(40, 1, 9, 9).round().requires_grad_()
    logits = torch.zeros(40, 1, 9, 9)
    built(logits)._given(x, logits)[:, 0, 6, 4].sum().backward()
    seen = x.grad.abs().sum((0, 1)) > 0
    assert seen.sum() == reach * (2 * reach + 1) + reach
    assert seen[6 - reach : 7, 4 - reach : 5 + reach].sum() == seen.sum()


@pytest.mark.parametrize("options", [{"layers": 0}, {"kernel": 4}, {"channels": 0}, {"reach": 3}])
def test_a_net_that_there_is_not_is_refused(options):
    with pytest.raises(VaelineError, match=rf"likelihood\.pixelcnn\.{next(iter(options))}"):
        pixelcnn(**options)


@pytest.mark.parametrize("name", list(MODELS))
@pytest.mark.parametrize("k", [1, 3])
def test_it_serves_every_model_and_the_loss_reaches_all_of_it(name, k):
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


def test_compiled_it_gives_the_same():
    section = {"name": "pixelcnn", "pixelcnn": {"layers": 1}}
    params, model = config(likelihood=section, batch_size=5), vae(likelihood=section)
    nn.init.normal_(model.likelihood.network.head[-1].weight, std=0.1)
    found = []
    for kind in (Gradients, CompiledGradients):
        step = kind(model, objective(params), params)
        torch.manual_seed(3)
        found.append(step(shown(5), 1.0).gradients)
        assert getattr(step, "compiled", step) is not None
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


def test_in_half_precision_its_gradients_are_nearly_the_same_and_its_probabilities_in_full():
    section, found = {"name": "pixelcnn"}, []
    for precision in ("float32", "bfloat16"):
        params = config(likelihood=section, precision=precision)
        torch.manual_seed(0)
        model = vae(likelihood=section)
        nn.init.normal_(model.likelihood.network.head[-1].weight, std=0.1)
        torch.manual_seed(1)
        found.append(Gradients(model, objective(params), params)(shown(50), 1.0))
    for one, other in zip(*(each.gradients for each in found), strict=True):
        assert other.dtype == torch.float32
        assert (one - other).norm() < 0.1 * one.norm()
    torch.testing.assert_close(found[1].seen[0], found[0].seen[0], rtol=0.01, atol=0)


def rate(**changes: object) -> float:
    """Returns the KL in nats after a short training on digits."""
    params = config(batch_size=50, epochs=8, learning_rate=2e-3, hidden_dim=100, latent_dim=8, **changes)
    training = started(params, n=1000)
    valid = training.model.likelihood.evaluation_set(digits(1200)[1000:])
    *_, last = fit(training, digits(1000), valid, params)
    return last.valid_kl


def test_with_a_wide_reach_the_rate_falls_and_free_bits_bring_it_back():
    wide = {"name": "pixelcnn", "pixelcnn": {"channels": 8, "kernel": 7}}  # 6 of 8 pixels
    plain, collapsed, cured = rate(), rate(likelihood=wide), rate(likelihood=wide, free_bits=0.25)
    assert collapsed < plain / 2
    assert cured > 2 * collapsed


def test_annealed_importance_sampling_takes_it():
    model = vae(likelihood={"name": "pixelcnn"}).eval()
    seen = annealed_importance_sampling(model, model.likelihood.evaluation_set(digits(3)), steps=5)
    assert torch.isfinite(seen.log_likelihood).all()
