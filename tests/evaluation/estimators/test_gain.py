"""What z is worth, against a model in which both measures have a closed form."""

import math

import pytest
import torch

from tests.support.linear_gaussian import LATENT, NOISE, D, LinearGaussian, images
from tests.support.small import shown_to, split, vae
from vaeline.evaluation.estimators.bounds import elbo_terms
from vaeline.evaluation.estimators.gain import STEP, exchange_rate, latent_gain
from vaeline.evaluation.observing import evaluation_set
from vaeline.models.catalog import MODELS
from vaeline.models.distributions.gaussians import diagonal_gaussian
from vaeline.models.posteriors.catalog import POSTERIORS
from vaeline.models.priors.catalog import PRIORS

N = 2000
SIGNAL = torch.tensor([0.9, 0.4], dtype=torch.float64).square() / NOISE**2  # WᵀW / σ², diagonal
PIXEL = (176**2 - 1) / 12 / 255**2  # the variance of 40 … 215, each as likely


class Tuned(LinearGaussian):
    """The exact mean, and the variances at which distortion + β · rate is least: β / (β + w²/σ²)."""

    def __init__(self, beta: float) -> None:
        super().__init__(diagonal=True)
        self.variances = beta / (beta + SIGNAL)

    def q(self, x):
        return diagonal_gaussian(super().q(x).base_dist.loc, self.variances.sqrt())


class Deaf(LinearGaussian):
    """A decoder that ignores z, behind a posterior that tells much of x."""

    def decode(self, z):
        return super().decode(torch.zeros_like(z))


def differences(variances: torch.Tensor) -> float:
    """Returns −ΔD/ΔR between σ e^−h and σ e^h: D = Σ w²v/2σ² + …, R = Σ (v − log v)/2 + …."""
    wide, narrow = variances * math.exp(2 * STEP), variances * math.exp(-2 * STEP)
    distortion = (SIGNAL * (wide - narrow)).sum() / 2
    rate = ((narrow - narrow.log()) - (wide - wide.log())).sum() / 2
    return (distortion / rate).item()


@pytest.mark.parametrize("beta", [0.1, 0.5, 1.0, 3.0, 20.0])
def test_the_exchange_rate_is_the_beta_at_which_the_posterior_is_best(beta):
    found = exchange_rate(Tuned(beta), images(N))
    assert abs(found["exchange_rate"] - differences(Tuned(beta).variances)) < 4 * found["exchange_rate_se"]
    # The step is finite: against the derivative it costs so much and no more.
    assert found["exchange_rate"] == pytest.approx(beta, rel=0.02, abs=4 * found["exchange_rate_se"])
    assert found["exchange_rate_se"] < 0.06 * beta


@pytest.mark.parametrize("stretch", [0.3, 1.0, 2.0])
def test_the_exchange_rate_of_a_stretched_posterior_is_its_closed_form(stretch):
    model = LinearGaussian(diagonal=True, stretch=stretch)
    found = exchange_rate(model, images(N))
    variances = stretch / (1 + SIGNAL)
    derivative = (SIGNAL * variances).sum() / (LATENT - variances.sum())
    assert abs(found["exchange_rate"] - differences(variances)) < 4 * found["exchange_rate_se"]
    assert found["exchange_rate"] == pytest.approx(
        derivative.item(), rel=0.03, abs=4 * found["exchange_rate_se"]
    )


def test_a_posterior_that_is_the_prior_has_no_exchange_rate():
    model = LinearGaussian(diagonal=True)
    like = torch.zeros(100, LATENT, dtype=torch.float64)
    model.q = lambda _: diagonal_gaussian(like, like + 1)
    assert exchange_rate(model, images(100)) == {}


def test_the_gain_is_its_closed_form():
    """x independent of x': (Var x / σ²) Σ w²/(w² + σ²), since E[x] = m."""
    found = latent_gain(LinearGaussian(diagonal=True), images(N))
    expected = PIXEL / NOISE**2 * (SIGNAL / (1 + SIGNAL)).sum().item()
    assert abs(found["z_gain"] - expected) < 4 * found["z_gain_se"]
    assert found["z_gain_se"] < 0.1 * expected


def test_the_gain_of_given_images_is_that_of_all_their_pairs():
    model, shown = LinearGaussian(diagonal=False), images(300)
    x = (shown / 255).flatten(1).double() - model.m
    told = model.q(shown / 255).mean @ model.w.T  # W E[z|x]
    off = torch.cdist(x, told).square()
    pairs = (off.sum() - off.trace()) / (300 * 299) - off.diagonal().mean()
    found = latent_gain(model, shown)
    assert abs(found["z_gain"] - (pairs / (2 * NOISE**2)).item()) < 4 * found["z_gain_se"]


@pytest.mark.parametrize(("measure", "name"), [(latent_gain, "z_gain"), (exchange_rate, "exchange_rate")])
def test_their_errors_are_those_of_repeated_sets(measure, name):
    model = Tuned(1.0)
    found = [measure(model, images(200)) for _ in range(60)]
    values = torch.tensor([one[name] for one in found])
    stated = torch.tensor([one[f"{name}_se"] for one in found]).mean()
    assert 0.75 < values.std() / stated < 1.35


def test_a_decoder_that_ignores_z_gains_nothing_from_it_whatever_the_rate():
    model = Deaf(diagonal=True)
    assert elbo_terms(model, images(50)).rate.mean() > 1
    assert latent_gain(model, images(50)) == {"z_gain": 0.0, "z_gain_se": 0.0}


@pytest.mark.parametrize("name", list(MODELS))
def test_every_model_has_a_gain(name):
    model = vae(model={"name": name}).eval()
    found = latent_gain(model, evaluation_set(model, split(60)))
    assert found.keys() == {"z_gain", "z_gain_se"}
    assert all(map(math.isfinite, found.values()))
    assert found["z_gain_se"] > 0


@pytest.mark.parametrize("parts", [
    *({"model": {"name": name}} for name in MODELS),
    *({"posterior": {"name": name}} for name in POSTERIORS),
    *({"prior": {"name": name}} for name in PRIORS),
], ids=str)  # fmt: skip
def test_an_exchange_rate_is_there_for_one_layer_of_diagonal_gaussians_alone(parts):
    model = vae(**parts).eval()
    x = shown_to(model, 60)
    layers = model.infer(x).layers
    found = exchange_rate(model, evaluation_set(model, split(60)))
    if len(layers) == 1 and layers[0].factorised:
        assert found.keys() == {"exchange_rate", "exchange_rate_se"}
        assert all(map(math.isfinite, found.values()))
    else:
        assert found == {}


def test_they_are_of_images_from_the_whole_set_and_of_few_too(monkeypatch):
    model = LinearGaussian(diagonal=True)
    assert latent_gain(model, images(2))["z_gain_se"] >= 0
    monkeypatch.setattr("vaeline.evaluation.estimators.gain.GAIN_IMAGES", 3)
    ends = torch.cat([images(2), torch.full((5, 1, 1, D), 127, dtype=torch.uint8)])
    seen = []
    infer = model.infer
    model.infer = lambda x, k=1: seen.append(x) or infer(x, k)
    latent_gain(model, ends)
    assert torch.equal(seen[0], ends[[0, 3, 6]] / 255)


def test_the_conditional_decoder_is_told_the_labels_of_the_image_it_explains():
    """Told those of the other image, its z would gain what the label alone does."""
    model = vae(model={"name": "conditional"}).eval()
    images, conditioned, told = evaluation_set(model, split(20)), model.conditioned, []
    model.conditioned = lambda x: told.append(x.labels) or conditioned(x)
    latent_gain(model, images)
    assert len(told) >= 2
    assert all(torch.equal(labels, images.labels) for labels in told)
