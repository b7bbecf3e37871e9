"""What z is worth, for a model in which both measures have a closed form."""

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
PIXEL = (176**2 - 1) / 12 / 255**2  # the variance of 40 … 215, all equally likely


class Tuned(LinearGaussian):
    """The exact mean, and the variances that minimise distortion + β · rate: β / (β + w²/σ²)."""

    def __init__(self, beta: float) -> None:
        super().__init__(diagonal=True)
        self.variances = beta / (beta + SIGNAL)

    def q(self, x):
        return diagonal_gaussian(super().q(x).base_dist.loc, self.variances.sqrt())


class IgnoringZ(LinearGaussian):
    """A decoder that ignores z, with an informative posterior."""

    def decode(self, z):
        return super().decode(torch.zeros_like(z))


def differences(variances: torch.Tensor) -> float:
    """Returns −ΔD/ΔR between σ e^−h and σ e^h: D = Σ w²v/2σ² + …, R = Σ (v − log v)/2 + …."""
    wide, narrow = variances * math.exp(2 * STEP), variances * math.exp(-2 * STEP)
    distortion = (SIGNAL * (wide - narrow)).sum() / 2
    rate = ((narrow - narrow.log()) - (wide - wide.log())).sum() / 2
    return (distortion / rate).item()


@pytest.mark.parametrize("beta", [0.1, 0.5, 1.0, 3.0, 20.0])
def test_the_exchange_rate_is_the_beta_for_which_the_posterior_is_optimal(beta):
    measures = exchange_rate(Tuned(beta), images(N))
    assert (
        abs(measures["exchange_rate"] - differences(Tuned(beta).variances)) < 4 * measures["exchange_rate_se"]
    )
    # The step is finite, which makes a small difference to the derivative.
    assert measures["exchange_rate"] == pytest.approx(beta, rel=0.02, abs=4 * measures["exchange_rate_se"])
    assert measures["exchange_rate_se"] < 0.06 * beta


@pytest.mark.parametrize("stretch", [0.3, 1.0, 2.0])
def test_the_exchange_rate_of_a_stretched_posterior_agrees_with_its_closed_form(stretch):
    model = LinearGaussian(diagonal=True, stretch=stretch)
    measures = exchange_rate(model, images(N))
    variances = stretch / (1 + SIGNAL)
    derivative = (SIGNAL * variances).sum() / (LATENT - variances.sum())
    assert abs(measures["exchange_rate"] - differences(variances)) < 4 * measures["exchange_rate_se"]
    assert measures["exchange_rate"] == pytest.approx(
        derivative.item(), rel=0.03, abs=4 * measures["exchange_rate_se"]
    )


def test_a_posterior_that_is_the_prior_has_no_exchange_rate():
    model = LinearGaussian(diagonal=True)
    like = torch.zeros(100, LATENT, dtype=torch.float64)
    model.q = lambda _: diagonal_gaussian(like, like + 1)
    assert exchange_rate(model, images(100)) == {}


def test_the_gain_agrees_with_its_closed_form():
    """x independent of x': (Var x / σ²) Σ w²/(w² + σ²), since E[x] = m."""
    measures = latent_gain(LinearGaussian(diagonal=True), images(N))
    expected = PIXEL / NOISE**2 * (SIGNAL / (1 + SIGNAL)).sum().item()
    assert abs(measures["z_gain"] - expected) < 4 * measures["z_gain_se"]
    assert measures["z_gain_se"] < 0.1 * expected


def test_the_gain_agrees_with_the_mean_over_all_pairs_of_images():
    model, pairs_of = LinearGaussian(diagonal=False), images(300)
    x = (pairs_of / 255).flatten(1).double() - model.m
    means = model.q(pairs_of / 255).mean @ model.w.T  # W E[z|x]
    off = torch.cdist(x, means).square()
    pairs = (off.sum() - off.trace()) / (300 * 299) - off.diagonal().mean()
    measures = latent_gain(model, pairs_of)
    assert abs(measures["z_gain"] - (pairs / (2 * NOISE**2)).item()) < 4 * measures["z_gain_se"]


@pytest.mark.parametrize(("measure", "name"), [(latent_gain, "z_gain"), (exchange_rate, "exchange_rate")])
def test_standard_errors_are_those_over_repeated_sets(measure, name):
    model = Tuned(1.0)
    repeated = [measure(model, images(200)) for _ in range(60)]
    values = torch.tensor([measures[name] for measures in repeated])
    stated = torch.tensor([measures[f"{name}_se"] for measures in repeated]).mean()
    assert 0.75 < values.std() / stated < 1.35


def test_a_decoder_that_ignores_z_has_no_gain_at_any_rate():
    model = IgnoringZ(diagonal=True)
    assert elbo_terms(model, images(50)).rate.mean() > 1
    assert latent_gain(model, images(50)) == {"z_gain": 0.0, "z_gain_se": 0.0}


@pytest.mark.parametrize("name", list(MODELS))
def test_every_model_has_a_gain(name):
    model = vae(model={"name": name}).eval()
    measures = latent_gain(model, evaluation_set(model, split(60)))
    assert measures.keys() == {"z_gain", "z_gain_se"}
    assert all(map(math.isfinite, measures.values()))
    assert measures["z_gain_se"] > 0


@pytest.mark.parametrize("parts", [
    *({"model": {"name": name}} for name in MODELS),
    *({"posterior": {"name": name}} for name in POSTERIORS),
    *({"prior": {"name": name}} for name in PRIORS),
], ids=str)  # fmt: skip
def test_only_one_layer_of_diagonal_gaussians_has_an_exchange_rate(parts):
    model = vae(**parts).eval()
    x = shown_to(model, 60)
    layers = model.infer(x).layers
    measures = exchange_rate(model, evaluation_set(model, split(60)))
    if len(layers) == 1 and layers[0].factorised:
        assert measures.keys() == {"exchange_rate", "exchange_rate_se"}
        assert all(map(math.isfinite, measures.values()))
    else:
        assert measures == {}


def test_images_are_taken_from_the_whole_set_and_may_be_few(monkeypatch):
    model = LinearGaussian(diagonal=True)
    assert latent_gain(model, images(2))["z_gain_se"] >= 0
    monkeypatch.setattr("vaeline.evaluation.estimators.gain.GAIN_IMAGES", 3)
    ends = torch.cat([images(2), torch.full((5, 1, 1, D), 127, dtype=torch.uint8)])
    batches = []
    infer = model.infer
    model.infer = lambda x, k=1: batches.append(x) or infer(x, k)
    latent_gain(model, ends)
    assert torch.equal(batches[0], ends[[0, 3, 6]] / 255)


def test_the_conditional_decoder_is_given_the_labels_of_the_image_that_is_scored():
    """Given those of the other image, the gain would include that of the label."""
    model = vae(model={"name": "conditional"}).eval()
    images, conditioned, labels_given = evaluation_set(model, split(20)), model.conditioned, []
    model.conditioned = lambda x: labels_given.append(x.labels) or conditioned(x)
    latent_gain(model, images)
    assert len(labels_given) >= 2
    assert all(torch.equal(labels, images.labels) for labels in labels_given)
