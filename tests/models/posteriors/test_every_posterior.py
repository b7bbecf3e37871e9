import pytest
import torch

from tests.support.small import config
from vaeline.models.distributions.moments import MOMENT_DRAWS, knows_moments, moments
from vaeline.models.posteriors.catalog import POSTERIORS

FEATURES, BATCH = 5, 4
DRAWS = 50_000


def posterior(name: str, latent_dim: int = 3):
    return POSTERIORS.build(
        config(posterior={"name": name}).posterior, features=FEATURES, latent_dim=latent_dim
    )


@pytest.mark.parametrize("latent_dim", [1, 3])
@pytest.mark.parametrize("name", list(POSTERIORS))
def test_call_returns_one_distribution_for_each_example(name, latent_dim):
    q = posterior(name, latent_dim)(torch.randn(BATCH, FEATURES))
    assert (q.batch_shape, q.event_shape) == ((BATCH,), (latent_dim,))
    z = q.rsample((2,))
    assert z.shape == (2, BATCH, latent_dim)
    assert q.log_prob(z).shape == (2, BATCH)


@pytest.mark.parametrize("name", list(POSTERIORS))
def test_gradient_flows_through_draws_to_the_features_and_to_every_weight(name):
    module = posterior(name)
    h = torch.randn(BATCH, FEATURES, requires_grad=True)
    module(h).rsample((3,)).square().sum().backward()
    assert (h.grad != 0).all()
    for parameter in module.parameters():
        assert torch.isfinite(parameter.grad).all()
        assert parameter.grad.any()


@pytest.mark.parametrize("name", list(POSTERIORS))
def test_density_integrates_to_one(name):
    q = posterior(name, 1)(torch.randn(BATCH, FEATURES))
    axis = torch.linspace(-30, 30, 20_001)
    density = q.log_prob(axis.reshape(-1, 1, 1)).double().exp()
    totals = density.sum(0) * (axis[1] - axis[0])
    assert (totals - 1).abs().max() < 1e-3


@pytest.mark.parametrize("name", list(POSTERIORS))
def test_mean_and_variance_are_those_of_draws(name):
    """The monitor and the diagnostics use them."""
    q = posterior(name)(torch.randn(BATCH, FEATURES))
    z = q.rsample((DRAWS,))
    mean, variance = moments(q)
    draws = DRAWS if knows_moments(q) else 1 / (1 / DRAWS + 1 / MOMENT_DRAWS)
    assert ((z.mean(0) - mean) / (z.var(0) / draws).sqrt()).abs().max() < 4.5
    assert (z.var(0) / variance - 1).abs().max() < 0.1 + 4.5 * (2 / draws) ** 0.5


@pytest.mark.parametrize("name", list(POSTERIORS))
def test_density_is_consistent_with_draws(name):
    """E_q[p/q] = 1 for any density p whose support q covers: here q itself, slightly shifted."""
    module = posterior(name)
    h = torch.randn(1, FEATURES)
    q, p = module(h), module(h + 0.1)
    z = q.rsample((DRAWS,))
    ratio = (p.log_prob(z) - q.log_prob(z)).exp()
    assert (ratio.mean() - 1).abs() < 4 * ratio.std() / DRAWS**0.5


@pytest.mark.parametrize("name", list(POSTERIORS))
def test_density_of_its_own_draws_equals_that_of_a_copy(name):
    module, h = posterior(name).double(), torch.randn(BATCH, FEATURES).double()
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    q = module(h)
    z = q.rsample((6,))
    torch.testing.assert_close(q.log_prob(z), module(h).log_prob(z.clone()))


@pytest.mark.parametrize("name", [name for name in POSTERIORS if name != "diagonal"])
def test_it_starts_near_the_diagonal_posterior(name):
    module, h = posterior(name), torch.randn(BATCH, FEATURES)
    z = torch.randn(BATCH, 3)
    torch.testing.assert_close(module(h).log_prob(z), module.diagonal(h).log_prob(z), rtol=0.05, atol=0.05)
