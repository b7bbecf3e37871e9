import math

import numpy as np
import pytest
import torch
from torch.distributions import Normal

from tests.support.small import config
from vaeline.core.errors import VaelineError
from vaeline.models.posteriors.catalog import POSTERIORS


def posterior(**options: float | str):
    section = config(posterior={"name": "diagonal", "diagonal": options}).posterior
    return POSTERIORS.build(section, features=5, latent_dim=3)


def test_density_is_normal_with_the_mean_and_log_variance_of_the_two_layers():
    module, h = posterior(), torch.randn(4, 5)
    mean, log_var = module.fc_mu(h), module.fc_log_var(h)
    z = torch.randn(2, 4, 3)
    expected = Normal(mean, log_var.exp().sqrt()).log_prob(z).sum(-1)
    torch.testing.assert_close(module(h).log_prob(z), expected)


def test_head_of_log_std_is_the_authors_sampler():
    """A transcript of `GaussianSampler` of Burda et al.: σ = exp(W h + b), and log N(z; μ, σ²) from σ."""
    module, h = posterior(head="log_std", log_var_bias=0.5), torch.randn(4, 5)
    weight, bias = module.fc_log_var.weight.detach().numpy().T, module.fc_log_var.bias.detach().numpy()
    sigma, mean = np.exp(h.numpy().dot(weight) + bias), module.fc_mu(h).detach().numpy()
    np.testing.assert_allclose(module(h).stddev.detach().numpy(), sigma, rtol=1e-6)
    z = np.float32(np.random.default_rng(0).normal(size=(4, 3)))
    log_density = (
        -np.log(2 * np.pi) * 3 / 2 - np.sum(((z - mean) / sigma) ** 2 + 2 * np.log(sigma), axis=1) / 2
    )
    np.testing.assert_allclose(module(h).log_prob(torch.from_numpy(z)).detach(), log_density, rtol=1e-5)


def test_burda_heads_start_equal_and_others_do_not():
    burda, own = posterior(head="log_std", init="burda", log_var_bias=0.0), posterior()
    assert torch.equal(burda.fc_mu.weight, burda.fc_log_var.weight)
    assert not torch.equal(own.fc_mu.weight, own.fc_log_var.weight)


@pytest.mark.parametrize("head", ["log_var", "log_std"])
def test_bias_and_bounds_are_of_log_var_with_either_head(head):
    module = posterior(head=head, log_var_bias=0.5, log_var_min=-2.0, log_var_max=1.0)
    assert module(torch.zeros(1, 5)).variance[0].tolist() == pytest.approx([math.exp(0.5)] * 3)
    variance = module(1e4 * torch.randn(50, 5)).variance
    assert variance.min().item() == pytest.approx(math.exp(-2))
    assert variance.max().item() == pytest.approx(math.exp(1))


def test_log_var_starts_at_its_bias():
    """With σ² = 1/e and μ = 0 the KL is (1/e + 1 − 1)/2 ≈ 0.18 nats a dimension."""
    q = posterior()(torch.zeros(1, 5))
    assert q.variance[0].tolist() == pytest.approx([math.exp(-1)] * 3)
    kl = torch.distributions.kl_divergence(q.base_dist, Normal(0.0, 1.0))
    assert kl[0].tolist() == pytest.approx([0.1839] * 3, abs=1e-4)
    assert posterior(log_var_bias=0.5)(torch.zeros(1, 5)).variance[0, 0].item() == pytest.approx(
        math.exp(0.5)
    )


@pytest.mark.parametrize("bounds", [(1.0, 1.0), (2.0, -2.0)])
def test_bounds_in_the_wrong_order_are_rejected(bounds):
    low, high = bounds
    with pytest.raises(VaelineError, match=r"posterior\.diagonal.*log_var_min must be below log_var_max"):
        posterior(log_var_min=low, log_var_max=high)


@pytest.mark.parametrize("bounds", [{"log_var_min": -1e4}, {"log_var_max": 1e4}])
def test_bounds_beyond_float32_are_rejected(bounds):
    """σ² = 0 or ∞ would make the KL infinite, and every update NaN."""
    with pytest.raises(VaelineError, match=rf"posterior\.diagonal\.{next(iter(bounds))} = .* is not allowed"):
        posterior(**bounds)


def test_widest_bounds_keep_the_kl_finite():
    module = posterior(log_var_min=-80.0, log_var_max=80.0)
    q = module(1e6 * torch.randn(50, 5))
    assert {*q.variance.log().round().unique().tolist()} >= {-80.0, 80.0}
    kl = torch.distributions.kl_divergence(q.base_dist, Normal(q.base_dist.loc, 1.0))
    assert torch.isfinite(kl).all()
