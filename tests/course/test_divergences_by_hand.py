"""Weeks 1-2 of docs/course.md: the KL divergences that one computes by hand, against their integrals."""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import norm

from vaeline.models.distributions.divergences import kl_terms
from vaeline.models.distributions.gaussians import diagonal_gaussian

# (μ, σ) of q and of p, and KL(q ‖ p) in nats as one writes it down.
EXAMPLES = [
    ((1, 1), (0, 1), 1 / 2),
    ((0, 2), (0, 1), 3 / 2 - math.log(2)),
    ((0, 1), (0, 2), math.log(2) - 3 / 8),
    ((0, math.exp(-0.5)), (0, 1), math.exp(-1) / 2),
    ((2, 0.1), (0, 1), math.log(10) + (0.01 + 4 - 1) / 2),
]


@pytest.mark.parametrize(("q", "p", "by_hand"), EXAMPLES)
def test_the_kl_of_two_gaussians_is_its_integral(q, p, by_hand):
    """KL = ln σ_p/σ_q + (σ_q² + (μ_q − μ_p)²)/2σ_p² − 1/2.

    For ln q − ln p = ln σ_p/σ_q − (z − μ_q)²/2σ_q² + (z − μ_p)²/2σ_p², whose squares have the means σ_q² and
    σ_q² + (μ_q − μ_p)² under q.
    """
    ours = kl_terms(_gaussian(*q), _gaussian(*p), torch.zeros(1, 1, dtype=torch.float64)).item()
    of_q, of_p = norm(*q), norm(*p)
    reach = q[0] - 12 * q[1], q[0] + 12 * q[1]
    integral, _ = quad(lambda z: of_q.pdf(z) * (of_q.logpdf(z) - of_p.logpdf(z)), *reach)
    assert ours == pytest.approx(by_hand, rel=1e-12)
    assert integral == pytest.approx(by_hand, rel=1e-7)


def test_the_kl_to_a_standard_normal_is_that_of_the_paper():
    """−½ Σ(1 + ln σ² − μ² − σ²), Kingma & Welling (2014), appendix B: the rate of the default model."""
    mean, log_var = torch.randn(5, 3, dtype=torch.float64), torch.randn(5, 3, dtype=torch.float64)
    q, prior = diagonal_gaussian(mean, (log_var / 2).exp()), _gaussian(torch.zeros(3), torch.ones(3))
    paper = -(1 + log_var - mean**2 - log_var.exp()).sum(-1) / 2
    torch.testing.assert_close(kl_terms(q, prior, mean[None]).sum(-1), paper)


def test_the_kl_has_a_direction():
    """A wide q pays for what p excludes, a narrow one only for its log: 3/2 − ln 2 against ln 2 − 3/8."""
    assert EXAMPLES[1][2] == pytest.approx(0.807, abs=1e-3)
    assert EXAMPLES[2][2] == pytest.approx(0.318, abs=1e-3)


def test_no_kl_is_negative():
    """ln t ≤ t − 1, with equality at t = 1 alone: −KL(q ‖ p) = Σ q ln p/q ≤ Σ q (p/q − 1) = Σ p − 1 = 0.

    Over distributions of ten outcomes drawn at random the least is small and above 0; at q = p it is 0.
    """
    generator = np.random.default_rng(0)
    q, p = generator.dirichlet(np.ones(10), (2, 10_000))
    bound = (q * (p / q - 1)).sum(1)
    kl = (q * np.log(q / p)).sum(1)
    np.testing.assert_allclose(bound, 0, atol=1e-12)
    assert (kl > 0).all()
    assert (q * np.log(q / q)).sum(1).max() == 0


def _gaussian(mean: object, scale: object) -> torch.distributions.Independent:
    loc, scale = (torch.as_tensor(value, dtype=torch.float64).reshape(-1) for value in (mean, scale))
    return diagonal_gaussian(loc, scale)
