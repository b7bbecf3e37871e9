import math

import pytest
import torch
from torch.distributions import ContinuousBernoulli as Peer

from tests.support.small import config
from vaeline.models.likelihoods.catalog import LIKELIHOODS
from vaeline.models.likelihoods.continuous_bernoulli import FLAT_LOGIT, Tilted

DRAWS = 100_000


def test_it_equals_torchs_for_small_logits():
    logits, x = torch.linspace(-15, 15, 301).double(), torch.rand(301).double()
    ours, peer = Tilted(logits), Peer(logits=logits, lims=(0.4999, 0.5001))
    torch.testing.assert_close(ours.log_prob(x), peer.log_prob(x), rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(ours.mean, peer.mean, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    "logit", [-500.0, -30.0, -0.501, -0.499, -1e-3, 0.0, 1e-6, 0.499, 0.501, 30.0, 500.0]
)
def test_float32_is_as_precise_as_the_formula_in_float64(logit):
    x = torch.tensor([0.0, 0.3, 1.0])
    l64 = torch.tensor(logit, dtype=torch.float64)
    size = l64.abs()
    normaliser = l64.clamp(min=0) + (-torch.expm1(-size) / size).log() if logit else torch.zeros(()).double()
    expected = l64 * x.double() - normaliser
    torch.testing.assert_close(Tilted(l64.float()).log_prob(x).double(), expected, rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize("logit", [-40.0, -2.0, -0.2, 0.0, 1e-4, 0.7, 5.0, 300.0])
def test_draws_have_the_mean(logit):
    p = Tilted(torch.tensor(logit))
    x = p.sample((DRAWS,))
    assert ((x >= 0) & (x <= 1)).all()
    assert abs(x.mean() - p.mean) < 4.5 * x.std() / DRAWS**0.5


@pytest.mark.parametrize("logit", [-0.99 * FLAT_LOGIT, 0.99 * FLAT_LOGIT, 1.01 * FLAT_LOGIT, 3.0])
def test_draws_are_the_inverse_of_the_distribution_function(logit):
    torch.manual_seed(0)
    x = Tilted(torch.tensor(logit).double()).sample((1000,))
    below = torch.expm1(logit * x) / math.expm1(logit)
    torch.manual_seed(0)
    uniform = torch.rand(1000, dtype=torch.float64)
    expected = uniform if logit < FLAT_LOGIT else 1 - uniform  # those above are drawn as 1 − x of −logit
    torch.testing.assert_close(below, expected, rtol=0, atol=FLAT_LOGIT**2)


def test_gradient_is_x_minus_the_mean_also_near_zero():
    logits = torch.tensor([-3.0, -0.5, -1e-4, 0.0, 1e-4, 0.5, 3.0], requires_grad=True)
    (gradient,) = torch.autograd.grad(Tilted(logits).log_prob(torch.tensor(0.3)).sum(), logits)
    torch.testing.assert_close(gradient, 0.3 - Tilted(logits).mean.detach(), rtol=1e-4, atol=1e-5)


def test_it_starts_at_the_mean_image():
    section = config(likelihood={"name": "continuous_bernoulli"}).likelihood
    module = LIKELIHOODS.build(section, event_shape=(1, 3, 7))
    mean = torch.linspace(0, 1, 21).reshape(1, 3, 7)
    logits = module.start(mean)
    torch.testing.assert_close(
        module(logits[None, None]).mean[0, 0], mean.clamp(1e-3, 1 - 1e-3), rtol=1e-3, atol=1e-4
    )
