"""The mixture fitted after training, against a known aggregate posterior."""

import numpy as np
import pytest
import torch

from tests.support.linear_gaussian import LATENT, LinearGaussian, images
from tests.support.small import SHAPE, digits, vae
from vaeline.data.prepared import Split
from vaeline.evaluation import ex_post
from vaeline.models.catalog import MODELS
from vaeline.models.posteriors.catalog import POSTERIORS

N = 4000


@pytest.fixture
def train():
    return Split(images(N).numpy(), np.zeros(N, np.int64))


def test_the_mixture_has_the_moments_of_the_aggregate_posterior(train):
    """E[z] = E[mu] and Cov[z] = Cov[mu] + E[Sigma]: means alone would lack the second term."""
    model = LinearGaussian(diagonal=False, stretch=4.0)
    q = model.q(torch.from_numpy(train.values) / 255)
    expected = q.mean.T.cov(correction=0) + q.covariance_matrix.reshape(-1, LATENT, LATENT)[0]
    z = ex_post.fit_ex_post(model, train).mixture.sample((200_000,))
    covariance = z.T.cov()
    error = 5 * (2 / N) ** 0.5 * expected.diagonal().max()
    assert (covariance - expected).abs().max() < error
    assert (z.mean(0) - q.mean.mean(0)).abs().max() < 5 * (expected.diagonal().max() / N) ** 0.5
    assert (covariance - q.mean.T.cov()).abs().max() > 3 * error  # the test can tell the difference


def test_two_clusters_are_separated_by_a_hole():
    centres = torch.tensor([[-4.0, 0.0], [4.0, 0.0]])
    z = centres[torch.arange(2000) % 2] + 0.2 * torch.randn(2000, 2)
    mixture = ex_post.fit_mixture(z)
    samples = mixture.sample((5000,))
    assert (samples[:, 0].abs() > 2).all()
    assert abs((samples[:, 0] > 0).float().mean() - 0.5) < 5 * 0.5 / 2000**0.5
    assert mixture.log_prob(torch.zeros(2)) < mixture.log_prob(centres).min() - 50


@pytest.mark.parametrize("name", list(MODELS))
def test_every_model_can_be_sampled_with_a_fitted_mixture(name):
    model = vae(model={"name": name}).eval()
    train = Split(digits(300).numpy(), np.zeros(300, int))
    samples = ex_post.fit_ex_post(model, train).sample(7)
    assert samples.shape == (7, *SHAPE)
    assert 0 <= samples.min() <= samples.max() <= 1


@pytest.mark.parametrize("name", list(POSTERIORS))
def test_every_posterior_can_be_drawn_from(name):
    model = vae(posterior={"name": name}).eval()
    assert ex_post.draw_posterior(model, digits(30)).shape == (30, 3)


def test_equal_noise_gives_equal_samples_even_for_few_images():
    model, train = vae().eval(), Split(digits(6).numpy(), np.zeros(6))
    samples = []
    for _ in range(2):
        torch.manual_seed(1)
        samples.append(ex_post.fit_ex_post(model, train).sample(5))
    assert torch.equal(*samples)
