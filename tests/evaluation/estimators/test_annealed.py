"""Annealed importance sampling against known evidence: probabilistic PCA, and quadrature."""

import math
from itertools import pairwise

import pytest
import torch
from torch import nn
from torch.distributions import Normal

from tests.support.linear_gaussian import LATENT, LinearGaussian, images
from tests.support.small import shown_to, split, vae
from vaeline.data.observations import pixels
from vaeline.evaluation.chunks import DECODER_ROWS
from vaeline.evaluation.estimators import annealed as module
from vaeline.evaluation.estimators.annealed import (
    PILOTS,
    ais_against_bound,
    annealed_importance_sampling,
    temperatures,
)
from vaeline.evaluation.estimators.estimate import Estimate
from vaeline.evaluation.observing import evaluation_set
from vaeline.models.catalog import MODELS
from vaeline.models.distributions.numerics import log_mean_exp
from vaeline.runtime.processes import each

N = 5
COPIES = 600
N_QUADRATURE = 24


class Hierarchy(LinearGaussian):
    """z₂ ~ N(0, I) and z₁ ~ N(0.8 z₂, 0.6² I), so that z₁ ~ N(0, I), and z₂ does not change the evidence."""

    def __init__(self) -> None:
        super().__init__(diagonal=False)

    def prior_sample(self, shape):
        z2 = torch.randn(*shape, LATENT, dtype=torch.float64)
        return torch.cat([0.8 * z2 + 0.6 * torch.randn_like(z2), z2], -1)

    def joint(self, z):
        z1, z2 = z.tensor_split(2, -1)
        log_prior = Normal(0.8 * z2, 0.6).log_prob(z1) + Normal(0.0, 1.0).log_prob(z2)
        return log_prior.sum(-1), self.decode(z1)


ORACLES = [LinearGaussian(False), Hierarchy()]
IDS = ["one layer", "two layers"]


def weights(model: nn.Module, steps: int) -> torch.Tensor:
    """Returns log w − log p(x) of many single chains, [COPIES, N]."""
    x = images(N)
    estimate = annealed_importance_sampling(model, x.repeat(COPIES, 1, 1, 1), steps, chains=1)
    return estimate.log_likelihood.reshape(COPIES, N) - model.evidence(x)


@pytest.mark.parametrize("model", ORACLES, ids=IDS)
@pytest.mark.parametrize(("first_step", "gain"), [(0.2, 0.1), (0.2, 2.0), (0.4, 0.0)])
def test_the_expected_weight_is_the_evidence_for_any_step_size(monkeypatch, model, first_step, gain):
    monkeypatch.setattr(module, "FIRST_STEP", first_step)
    monkeypatch.setattr(module, "STEP_SIZE_GAIN", gain)
    ratios = weights(model, steps=24).exp()
    mean, error = ratios.mean(0), ratios.std(0) / COPIES**0.5
    assert ((mean - 1) / error).abs().max() < 4
    assert (error < 0.2).all()


@pytest.mark.parametrize("model", ORACLES, ids=IDS)
def test_the_estimate_is_a_lower_bound_on_average_and_tighter_with_more_steps(model):
    gaps = [Estimate.of(-weights(model, steps).flatten()) for steps in (2, 6, 24)]
    assert all(gap.mean > 4 * gap.se for gap in gaps)
    for looser, tighter in pairwise(gaps):
        assert tighter.mean < 0.6 * looser.mean


@pytest.mark.parametrize("model", ORACLES, ids=IDS)
def test_with_many_steps_the_estimate_is_the_evidence_and_all_chains_count(model):
    x = images(30)
    estimate = annealed_importance_sampling(model, x, steps=300)
    difference = estimate.log_likelihood - model.evidence(x)
    assert difference.abs().max() < 0.5
    assert abs(difference.mean()) < 4 * difference.std() / 30**0.5
    assert (estimate.ess > 10).all()
    assert (estimate.ess <= module.CHAINS + 1e-9).all()
    assert estimate.acceptance.mean().item() == pytest.approx(module.TARGET, abs=0.05)


def test_the_estimate_does_not_depend_on_q(monkeypatch):
    x = images(N)
    estimates = []
    for q in ({}, {"shift": 5.0, "stretch": 100.0}):
        torch.manual_seed(3)
        estimates.append(annealed_importance_sampling(LinearGaussian(False, **q), x, 10))
    assert torch.equal(estimates[0].log_likelihood, estimates[1].log_likelihood)
    monkeypatch.setattr(LinearGaussian, "infer", None)  # to call it is an error
    annealed_importance_sampling(LinearGaussian(False), x, 2)


def test_one_step_is_importance_sampling_from_the_prior_without_the_pilot_chains():
    model, x = LinearGaussian(False), images(N)
    torch.manual_seed(2)
    estimate = annealed_importance_sampling(model, x, steps=1, chains=7)
    torch.manual_seed(2)
    (z,) = each([1], lambda _: model.prior_sample((PILOTS + 7, N)))
    log_weights = model.decode(z).log_prob(x.float() / 255)[PILOTS:].detach()
    torch.testing.assert_close(estimate.log_likelihood, log_mean_exp(log_weights))
    w = (log_weights - log_weights.max(0).values).exp()
    torch.testing.assert_close(estimate.ess, w.sum(0).square() / w.square().sum(0))


def test_trajectories_that_overflow_are_rejected(monkeypatch):
    monkeypatch.setattr(module, "FIRST_STEP", 1e200)
    monkeypatch.setattr(module, "STEP_SIZE_GAIN", 0.0)
    model, x = LinearGaussian(False), images(N)
    torch.manual_seed(2)
    stuck = annealed_importance_sampling(model, x, steps=5)
    assert (stuck.acceptance == 0).all()
    torch.manual_seed(2)
    torch.testing.assert_close(
        stuck.log_likelihood, annealed_importance_sampling(model, x, steps=1).log_likelihood
    )


@torch.no_grad()
def by_quadrature(model: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """Returns log p(x) of a model with two latent dimensions in total, by summing over a grid, [N]."""
    axis = torch.linspace(-6, 6, 97)
    grid = torch.cartesian_prod(axis, axis)
    log_prior, likelihood = model.conditioned(x).joint(grid[:, None].expand(-1, len(x), -1))
    cell = 2 * math.log(axis[1] - axis[0])
    return torch.logsumexp(log_prior.double() + likelihood.log_prob(pixels(x)).double(), 0) + cell


@pytest.mark.parametrize("name", [name for name in MODELS if name != "vq"])  # whose z has no density
def test_every_model_agrees_with_quadrature(name):
    sizes = {"name": name, "two_layer": {"latent_dim": 1, "hidden_dim": 8}, "ladder": {"layers": 2}}
    model = vae(model=sizes, latent_dim=2 if name in ("vae", "conditional") else 1).eval()
    x = evaluation_set(model, split(N_QUADRATURE))
    exact = by_quadrature(model, shown_to(model, N_QUADRATURE))
    estimate = annealed_importance_sampling(model, x, steps=150)
    difference = estimate.log_likelihood - exact
    assert difference.abs().max() < 0.5
    assert abs(difference.mean()) < 4 * difference.std() / N_QUADRATURE**0.5
    assert all(p.grad is None for p in model.parameters())


@pytest.mark.parametrize("rows", [1, 3 * 20, DECODER_ROWS])
def test_images_stay_in_order_and_chunks_within_bounds(monkeypatch, rows):
    monkeypatch.setattr("vaeline.evaluation.chunks.DECODER_ROWS", rows)
    requests = []

    class Counting(LinearGaussian):
        def joint(self, z):
            requests.append(z.shape[:-1].numel())
            return super().joint(z)

    model, x = Counting(False), images(7)
    estimate = annealed_importance_sampling(model, x, steps=100)
    assert (estimate.log_likelihood - model.evidence(x)).abs().max() < 0.7
    assert max(requests) <= max(rows, PILOTS + module.CHAINS)


def test_temperatures_rise_from_the_prior_to_the_posterior():
    t = temperatures(10)
    assert (t[0], t[-1], len(t)) == (0, 1, 11)
    assert (t.diff() > 0).all()
    assert (t.diff().diff() > 0).all()


def test_the_estimate_and_the_bound_are_on_the_same_images():
    model, x = LinearGaussian(False), images(9)
    evidence = model.evidence(x)
    assert ais_against_bound(model, x, evidence, 0, 10) == {}
    estimate = ais_against_bound(model, x, evidence, 3, 200)
    torch.testing.assert_close(estimate["iwae_on_ais_images"], evidence[[0, 4, 8]])
    torch.testing.assert_close(estimate["ais_minus_iwae"], estimate["ais"] - evidence[[0, 4, 8]])
    assert estimate["ais_minus_iwae"].abs().max() < 0.5
    assert all(len(values) == 3 for values in estimate.values())
    assert len(ais_against_bound(model, x, evidence, 100, 2)["ais"]) == 9
