import pytest
import torch
from torch.distributions import Independent, Laplace

from tests.support.noise import RecordedNoise
from tests.support.small import config
from vaeline.models.distributions.gaussians import diagonal_gaussian
from vaeline.models.distributions.mixtures import GaussianMixture
from vaeline.models.distributions.noise import draw, global_noise
from vaeline.models.posteriors.catalog import POSTERIORS

B, K, D, FEATURES = 4, 3, 5, 6


def posterior(name: str):
    """Returns q(z|x) and the features that it is made of."""
    torch.manual_seed(0)
    features = torch.randn(B, FEATURES, requires_grad=True)
    module = POSTERIORS.build(config(posterior={"name": name}).posterior, features=FEATURES, latent_dim=D)
    return module(features), features


@pytest.mark.parametrize("name", list(POSTERIORS))
@pytest.mark.parametrize("sample_shape", [(), (K,)], ids=str)
def test_draws_from_the_global_generator_are_those_of_rsample(name, sample_shape):
    q, _ = posterior(name)
    torch.manual_seed(1)
    expected = q.rsample(sample_shape)
    torch.manual_seed(1)
    z = draw(q, sample_shape, global_noise)
    assert z.shape == (*sample_shape, B, D)
    assert torch.equal(z, expected)


@pytest.mark.parametrize("name", list(POSTERIORS))
def test_draws_come_from_the_noise_alone_and_have_a_gradient(name):
    q, features = posterior(name)
    noise, state = RecordedNoise(), torch.get_rng_state()
    z = draw(q, (K,), noise)
    assert torch.equal(torch.get_rng_state(), state)
    assert noise.shapes == [(K, B, D)]
    assert torch.equal(z, draw(q, (K,), RecordedNoise()))
    assert not torch.equal(z, draw(q, (K,), RecordedNoise(seed=1)))
    (gradient,) = torch.autograd.grad(z.square().sum(), features)
    assert gradient.all()


@pytest.mark.parametrize("name", list(POSTERIORS))
def test_the_density_of_what_was_drawn_is_that_of_an_equal_z(name):
    q, _ = posterior(name)
    z = draw(q, (K,), RecordedNoise())
    torch.testing.assert_close(q.log_prob(z), q.log_prob(z.clone()), rtol=1e-4, atol=1e-4)


def test_a_diagonal_gaussian_is_its_mean_plus_noise_times_its_scale():
    loc, scale, noise = torch.randn(B, D), torch.rand(B, D), RecordedNoise()
    z = draw(diagonal_gaussian(loc, scale), (K,), noise)
    torch.testing.assert_close(z, loc + scale * noise.drawn[0])


def test_other_distributions_are_refused():
    with pytest.raises(TypeError, match="Independent does not say how it is drawn from noise"):
        draw(Independent(Laplace(torch.zeros(B, D), torch.ones(B, D)), 1), (K,), global_noise)


def test_a_distribution_whose_draws_have_no_gradient_has_no_rsample():
    mixture = GaussianMixture(torch.randn(2, D), torch.ones(2, D), torch.zeros(2))
    with pytest.raises(NotImplementedError, match="use sample"):
        mixture.rsample((K,))
