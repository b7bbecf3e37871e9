"""Weeks 7-8 of docs/course.md: at which β a latent dimension dies, in closed form.

One dimension of probabilistic PCA: z ~ N(0, 1), x = wz + σε, data of variance λ. The encoder is
q(z|x) = N(ax, s²), and the loss E[(x − wz)²]/2σ² + β KL(q ‖ p), in expectation over x

    [(1 − wa)²λ + w²s²]/2σ² + β[a²λ + s² − ln s² − 1]/2.

Divided by β it is the loss of β = 1 with βσ² for σ², but for a constant: β is a larger noise. Its minimum is
that of probabilistic PCA (Tipping & Bishop 1999), w² = max(0, λ − βσ²): the dimension is used where its
variance λ exceeds βσ². Else w = a = 0 and s² = 1: it has collapsed.
"""

import math

import pytest
import torch

from vaeline.models.distributions.divergences import kl_terms
from vaeline.models.distributions.gaussians import diagonal_gaussian

VARIANCE, NOISE = 1.0, 0.25  # λ and σ²: the dimension dies at β = 4
DATA = VARIANCE**0.5 * torch.tensor([[-1.0], [1.0]], dtype=torch.float64)  # its second moment is λ


def fitted(beta: float) -> tuple[float, float, float]:
    """Returns |w|, |a| and s² where the loss is least, found by its gradient."""
    values = torch.tensor([0.3, 0.3, -0.5], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([values], max_iter=2000, tolerance_grad=1e-12, tolerance_change=1e-16,
                                  line_search_fn="strong_wolfe")  # fmt: skip

    def step() -> torch.Tensor:
        optimizer.zero_grad()
        value = loss(*values, beta)
        value.backward()
        return value

    optimizer.step(step)
    w, a, log_var = values.detach().tolist()
    return abs(w), abs(a), math.exp(log_var)


def loss(w: torch.Tensor, a: torch.Tensor, log_var: torch.Tensor, beta: float) -> torch.Tensor:
    q = diagonal_gaussian(a * DATA, (log_var / 2).exp().expand_as(DATA))
    prior = diagonal_gaussian(torch.zeros(1).double(), torch.ones(1).double())
    distortion = ((DATA * (1 - w * a)) ** 2 + w**2 * log_var.exp()) / (2 * NOISE)
    return (distortion + beta * kl_terms(q, prior, DATA[None])).mean()


@pytest.mark.parametrize("beta", [0.25, 1.0, 2.0, 3.5])
def test_below_its_beta_a_dimension_is_used(beta):
    w, a, variance = fitted(beta)
    noise = beta * NOISE
    assert w**2 == pytest.approx(VARIANCE - noise, rel=1e-4)
    assert a == pytest.approx(w / VARIANCE, rel=1e-4)  # w/(w² + βσ²), and w² + βσ² = λ
    assert variance == pytest.approx(noise / VARIANCE, rel=1e-4)


@pytest.mark.parametrize("beta", [4.5, 10.0, 100.0])
def test_above_it_the_dimension_is_dead_and_its_posterior_is_the_prior(beta):
    w, a, variance = fitted(beta)
    assert w == pytest.approx(0, abs=1e-3)
    assert a == pytest.approx(0, abs=1e-3)
    assert variance == pytest.approx(1, abs=1e-3)


def test_of_mutual_information_beta_leaves_half_the_logarithm_of_lambda_over_beta_sigma():
    """The rate is ½ ln(λ/βσ²): it falls by ½ ln 2 nats with each doubling of β, until nothing is left."""
    rates = [_rate(beta) for beta in (0.25, 0.5, 1.0, 2.0)]
    assert rates == pytest.approx([math.log(VARIANCE / (beta * NOISE)) / 2 for beta in (0.25, 0.5, 1, 2)])


def _rate(beta: float) -> float:
    _, a, variance = fitted(beta)
    return (a**2 * VARIANCE + variance - math.log(variance) - 1) / 2
