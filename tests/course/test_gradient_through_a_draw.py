"""Weeks 5-6 of docs/course.md: why z = μ + σε. Both gradients are unbiased; their variances are not alike."""

import numpy as np
import pytest
import torch

POINTS, WEIGHTS = np.polynomial.hermite_e.hermegauss(12)  # exact for polynomials up to degree 23
WEIGHTS = WEIGHTS / WEIGHTS.sum()


@pytest.mark.parametrize("mean", [0.0, 1.0, 3.0])
def test_the_gradient_through_the_draw_has_less_variance_than_that_of_the_score(mean):
    """d/dμ E[z²] = 2μ for z ~ N(μ, 1).

    Through the draw it is estimated by 2z, with variance 4. By the score ∂ ln q/∂μ = z − μ it is z²(z − μ),
    with variance E[(μ + ε)⁴ε²] − 4μ² = μ⁴ + 14μ² + 15: nearly 4 times as much at μ = 0, 7.5 times at μ = 1.
    """
    z = mean + POINTS
    through, score = 2 * z, z**2 * (z - mean)
    for estimate in (through, score):
        assert WEIGHTS @ estimate == pytest.approx(2 * mean, abs=1e-10)
    variances = [WEIGHTS @ estimate**2 - (2 * mean) ** 2 for estimate in (through, score)]
    assert variances == pytest.approx([4, mean**4 + 14 * mean**2 + 15])


def test_autograd_takes_the_way_through_the_draw():
    mean = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    z = torch.distributions.Normal(mean, 1.0).rsample()
    (gradient,) = torch.autograd.grad(z**2, mean)
    assert gradient == 2 * z.detach()
    assert not torch.distributions.Normal(mean, 1.0).sample().requires_grad
