import pytest
import torch

from tests.support.small import config
from vaeline.models.distributions.gaussians import diagonal_gaussian
from vaeline.models.priors.catalog import PRIORS

WIDE = 12.0
INPUTS = (1, 8, 8)


def prior(name: str, latent_dim: int):
    """Returns a prior for a model whose posterior is N(the first pixels, I/4)."""

    def recognise(x: torch.Tensor):
        loc = x.flatten(1)[:, :latent_dim]
        return diagonal_gaussian(loc, torch.full_like(loc, 0.5))

    section = config(prior={"name": name}).prior
    return PRIORS.build(section, latent_dim=latent_dim, recognise=recognise, event_shape=INPUTS)


@pytest.mark.parametrize("latent_dim", [1, 3])
@pytest.mark.parametrize("name", list(PRIORS))
def test_call_returns_one_distribution_over_latents(name, latent_dim):
    p = prior(name, latent_dim)()
    assert (p.batch_shape, p.event_shape) == ((), (latent_dim,))
    z = p.sample((4, 5))
    assert z.shape == (4, 5, latent_dim)
    assert p.log_prob(z).shape == (4, 5)


@pytest.mark.parametrize("latent_dim", [1, 2])
@pytest.mark.parametrize("name", list(PRIORS))
def test_density_integrates_to_one(name, latent_dim):
    axis = torch.linspace(-WIDE, WIDE, {1: 601, 2: 201}[latent_dim])
    step = (axis[1] - axis[0]).item()
    grid = torch.cartesian_prod(*[axis] * latent_dim).reshape(-1, latent_dim)
    density = prior(name, latent_dim)().log_prob(grid).double().exp()
    assert density.sum().item() * step**latent_dim == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize("name", list(PRIORS))
def test_draws_follow_the_density(name):
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
def test_it_follows_the_precision_of_the_model(name):
    """All its tensors are parameters or buffers, so that they follow the model's device and precision."""
    p = prior(name, 3).double()()
    assert p.sample().dtype == torch.float64
    assert p.log_prob(torch.zeros(3, dtype=torch.float64)).dtype == torch.float64


@pytest.mark.parametrize("name", [name for name in PRIORS if list(prior(name, 1).parameters())])
def test_density_has_a_gradient_to_every_parameter(name):
    p = prior(name, 3)
    z = torch.randn(20, 3)
    p().log_prob(z).sum().backward()
    for parameter_name, parameter in p.named_parameters():
        assert torch.isfinite(parameter.grad).all(), parameter_name
        assert parameter.grad.any(), parameter_name


@pytest.mark.parametrize("name", list(PRIORS))
def test_it_can_start_at_training_examples(name):
    p = prior(name, 2)
    p.start_at(lambda count: torch.rand(count, *INPUTS))
    assert torch.isfinite(p().log_prob(torch.zeros(2)))
