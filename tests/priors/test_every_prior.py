import pytest
import torch

from tests.small import config
from vaeline.priors import PRIORS

WIDE = 12.0


def prior(name: str, latent_dim: int):
    return PRIORS.build(config(prior={"name": name}).prior, latent_dim=latent_dim)


@pytest.mark.parametrize("latent_dim", [1, 3])
@pytest.mark.parametrize("name", list(PRIORS))
def test_it_is_one_distribution_over_latents(name, latent_dim):
    p = prior(name, latent_dim)()
    assert (p.batch_shape, p.event_shape) == ((), (latent_dim,))
    z = p.sample((4, 5))
    assert z.shape == (4, 5, latent_dim)
    assert p.log_prob(z).shape == (4, 5)


@pytest.mark.parametrize("latent_dim", [1, 2])
@pytest.mark.parametrize("name", list(PRIORS))
def test_its_density_integrates_to_one(name, latent_dim):
    axis = torch.linspace(-WIDE, WIDE, 601)
    step = (axis[1] - axis[0]).item()
    grid = torch.cartesian_prod(*[axis] * latent_dim).reshape(-1, latent_dim)
    density = prior(name, latent_dim)().log_prob(grid).double().exp()
    assert density.sum().item() * step**latent_dim == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize("name", list(PRIORS))
def test_its_draws_follow_its_density(name):
    p = prior(name, 1)()
    z = p.sample((100_000,))
    edges = torch.linspace(-2, 2, 9)
    observed = torch.histogram(z.flatten(), edges).hist / len(z)
    fine = torch.linspace(-2, 2, 8 * 200 + 1)
    middle = ((fine[1:] + fine[:-1]) / 2).unsqueeze(1)
    expected = p.log_prob(middle).exp().reshape(8, 200).sum(1) * (fine[1] - fine[0])
    errors = (observed - expected) / (expected * (1 - expected) / len(z)).sqrt()
    assert errors.abs().max() < 4


@pytest.mark.parametrize("name", list(PRIORS))
def test_it_is_handed_on_with_the_model(name):
    """What it needs is in its parameters and buffers, so that it follows the model's device and precision."""
    p = prior(name, 3).double()()
    assert p.sample().dtype == torch.float64
    assert p.log_prob(torch.zeros(3, dtype=torch.float64)).dtype == torch.float64
