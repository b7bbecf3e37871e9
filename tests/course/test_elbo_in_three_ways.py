"""Weeks 3-4 of docs/course.md: the ELBO derived in three ways, each checked where every sum is exact.

z is one of five causes and x one of seven observations: p(x) = Σ_z p(z) p(x|z) has five terms, and nothing is
sampled. Rows of q are q(·|x), any distributions whatever.
"""

import pytest
import torch
from torch import Tensor

CAUSES, OBSERVATIONS = 5, 7


def distributions(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64).softmax(-1)


@pytest.fixture
def prior() -> Tensor:
    return distributions(CAUSES)


@pytest.fixture
def joint(prior) -> Tensor:
    """p(x, z), [OBSERVATIONS, CAUSES]."""
    return (prior[:, None] * distributions(CAUSES, OBSERVATIONS)).T


@pytest.fixture
def q() -> Tensor:
    return distributions(OBSERVATIONS, CAUSES)


def elbo(q: Tensor, joint: Tensor) -> Tensor:
    """Returns E_q[ln p(x, z) − ln q(z|x)] of each x."""
    return (q * (joint.log() - q.log())).sum(1)


def kl(q: Tensor, p: Tensor) -> Tensor:
    return (q * (q.log() - p.log())).sum(-1)


def test_by_jensen(q, joint):
    """ln p(x) = ln E_q[p(x, z)/q(z|x)] ≥ E_q[ln p(x, z)/q(z|x)], since ln is concave.

    The mean of the weights is the evidence whatever q is; the mean of their logarithms lies below, and takes
    the same value where all weights are equal: at q(z|x) = p(z|x).
    """
    evidence = joint.sum(1)
    torch.testing.assert_close((q * (joint / q)).sum(1), evidence)
    assert (elbo(q, joint) < evidence.log()).all()
    exact = joint / evidence[:, None]
    torch.testing.assert_close(elbo(exact, joint), evidence.log())


def test_by_the_divergence_from_the_exact_posterior(q, joint):
    """KL(q ‖ p(z|x)) = E_q[ln q − ln p(x, z)] + ln p(x) = ln p(x) − ELBO: the bound's gap, and at least 0."""
    evidence = joint.sum(1)
    gap = kl(q, joint / evidence[:, None])
    torch.testing.assert_close(evidence.log() - elbo(q, joint), gap)
    assert (gap > 0).all()


def test_by_the_divergence_of_two_joints(q, joint):
    """Encoder and decoder each make a joint: r(x) q(z|x) from data r, and p(x, z).

    KL(r(x) q(z|x) ‖ p(x, z)) = −H(r) − E_r[ELBO]: raising the mean ELBO draws the two together. By the chain
    rule it is KL(r ‖ p(x)) + E_r KL(q ‖ p(z|x)), the misfit of the model and that of the encoder.
    """
    data, evidence = distributions(OBSERVATIONS), joint.sum(1)
    divergence = kl((data[:, None] * q).flatten(), joint.flatten())
    entropy = -(data * data.log()).sum()
    torch.testing.assert_close(divergence, -entropy - (data * elbo(q, joint)).sum())
    parts = kl(data, evidence) + (data * kl(q, joint / evidence[:, None])).sum()
    torch.testing.assert_close(divergence, parts)


def test_it_is_distortion_and_rate(q, joint, prior):
    """ln p(x, z) = ln p(x|z) + ln p(z), so that −ELBO = E_q[−ln p(x|z)] + KL(q ‖ p(z))."""
    distortion = -(q * (joint / prior).log()).sum(1)
    torch.testing.assert_close(elbo(q, joint), -distortion - kl(q, prior))
