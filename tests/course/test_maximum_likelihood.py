"""Weeks 1-2 of docs/course.md: maximum likelihood, with the derivation beside each test."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import norm
from torch.distributions import Bernoulli, Normal, kl_divergence

from vaeline.data.catalog import DATASETS

X = torch.tensor([2.0, -1.0, 0.5, 3.0, 1.5, -0.5, 4.0], dtype=torch.float64)
MEAN, SPREAD = X.mean(), X.var(correction=0).sqrt()


def log_likelihood(mean: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    return Normal(mean, scale).log_prob(X).sum()


def test_the_mle_of_a_gaussian_is_the_mean_and_the_mean_squared_deviation():
    """ℓ(μ, σ) = −N ln σ − Σ(x − μ)²/2σ² + const.

    ∂ℓ/∂μ = Σ(x − μ)/σ² = 0 gives μ̂ = x̄. ∂ℓ/∂σ = −N/σ + Σ(x − μ)²/σ³ = 0 gives σ̂² = Σ(x − x̄)²/N: divided by
    N, and not by N − 1. There the Hessian is diag(−N/σ̂², −2N/σ̂²): a maximum.
    """
    at = torch.stack([MEAN, SPREAD])
    gradient = torch.autograd.functional.jacobian(lambda v: log_likelihood(*v), at)
    hessian = torch.autograd.functional.hessian(lambda v: log_likelihood(*v), at)
    assert gradient.abs().max() < 1e-12
    torch.testing.assert_close(hessian, -len(X) / SPREAD**2 * torch.diag(torch.tensor([1.0, 2.0]).double()))
    np.testing.assert_allclose(norm.fit(X.numpy()), at.numpy())


@pytest.mark.parametrize(("mean", "scale"), [(0.0, 1.0), (1.3, 2.0), (5.0, 0.3), (-20.0, 9.0)])
def test_what_any_other_gaussian_loses_is_n_times_a_kl(mean, scale):
    """Maximum likelihood is the least KL: ℓ(μ̂, σ̂) − ℓ(μ, σ) = N · KL(N(μ̂, σ̂²) ‖ N(μ, σ²)), exactly.

    For Σ(x − μ)² = N(σ̂² + (μ̂ − μ)²), so that the left side is N[ln σ/σ̂ + (σ̂² + (μ̂ − μ)²)/2σ² − 1/2].
    """
    other = Normal(*torch.tensor([mean, scale], dtype=torch.float64))
    lost = log_likelihood(MEAN, SPREAD) - log_likelihood(other.loc, other.scale)
    torch.testing.assert_close(lost, len(X) * kl_divergence(Normal(MEAN, SPREAD), other))
    assert lost > 0


def test_the_mle_of_a_bernoulli_is_the_share_and_what_another_loses_is_a_kl():
    """ℓ(p) = k ln p + (N − k) ln(1 − p); ∂ℓ/∂p = k/p − (N − k)/(1 − p) = 0 gives p̂ = k/N.

    And ℓ(p̂) − ℓ(p) = N[p̂ ln p̂/p + (1 − p̂) ln (1 − p̂)/(1 − p)] = N · KL(p̂ ‖ p).
    """
    x = torch.tensor([1, 0, 1, 1, 0, 1, 1, 1], dtype=torch.float64)
    best, others = x.mean(), torch.linspace(0.01, 0.99, 99, dtype=torch.float64)
    likelihood = Bernoulli(others).log_prob(x[:, None]).sum(0)
    lost = Bernoulli(best).log_prob(x).sum() - likelihood
    torch.testing.assert_close(lost, len(x) * kl_divergence(Bernoulli(best), Bernoulli(others)))
    assert best == 0.75
    assert others[likelihood.argmax()] == pytest.approx(0.75)


def test_the_mean_image_is_a_model_too():
    """What a model without z reaches on digits: each pixel a Bernoulli of its own, by maximum likelihood.

    The mean over binarizations of grey pixels g is exact: E[−ln p] = −Σ[g ln p̂ + (1 − g) ln(1 − p̂)]. With g
    itself for p̂ it is the entropy of the binarization: what no model can explain that knows no more than the
    grey image. In nats: 44.4 for even chances, 26.9 for the mean image, 13.4 for the grey image.
    """
    data = DATASETS.build({"name": "digits"}, raw=None)
    seen, held_out = (part.values.astype(float) / 255 for part in (data.training(), data.test()))
    share = seen.mean(0).clip(1e-3, 1 - 1e-3)
    guesses = [np.full_like(share, 0.5), share, held_out.clip(1e-9, 1 - 1e-9)]
    nats = [-(held_out * np.log(p) + (1 - held_out) * np.log1p(-p)).sum((1, 2, 3)) for p in guesses]
    error = max(one.std() for one in nats) / len(held_out) ** 0.5
    assert error < 0.2
    assert [one.mean() for one in nats] == pytest.approx([64 * math.log(2), 26.86, 13.38], abs=0.01)
