import torch
from torch.distributions import MultivariateNormal, kl_divergence

from tests.support.small import config
from vaeline.models.distributions.divergences import kl_terms
from vaeline.models.distributions.gaussians import FullGaussian, detached, diagonal_gaussian
from vaeline.models.posteriors.catalog import POSTERIORS

B, D, DRAWS = 4, 3, 100_000


def gaussian() -> FullGaussian:
    lower = torch.randn(B, D, D, dtype=torch.float64).tril(-1)
    return FullGaussian(torch.randn(B, D).double(), lower + torch.diag_embed(torch.rand(B, D).double() + 0.3))


def test_kl_is_that_of_torch_in_one_term():
    q = gaussian()
    p = diagonal_gaussian(torch.randn(D).double(), torch.rand(D).double() + 0.5)
    peer = MultivariateNormal(p.base_dist.loc, torch.diag(p.base_dist.scale.square()))
    terms = kl_terms(q, p, q.rsample((2,)))
    assert terms.shape == (B, 1)
    torch.testing.assert_close(terms[:, 0], kl_divergence(q, peer))


def test_draws_have_its_mean_and_covariance():
    q = gaussian()
    z = q.rsample((DRAWS,))
    torch.testing.assert_close(z.mean(0), q.mean, rtol=0, atol=0.03)
    for b in range(B):
        torch.testing.assert_close(torch.cov(z[:, b].T), q.covariance_matrix[b], rtol=0.05, atol=0.05)


def test_lower_triangle_is_filled_row_by_row():
    module = POSTERIORS.build(config(posterior={"name": "full"}).posterior, features=2, latent_dim=3)
    module.fc_lower.bias.data = torch.tensor([1.0, 2.0, 3.0])
    lower = module(torch.zeros(1, 2)).scale_tril[0]
    assert [lower[1, 0], lower[2, 0], lower[2, 1]] == [1.0, 2.0, 3.0]
    assert not lower.triu(1).any()


def test_detached_copy_has_the_same_density_without_a_gradient():
    q = gaussian()
    q.loc.requires_grad_()
    z = torch.randn(B, D).double()
    assert not detached(q).log_prob(z).requires_grad
    torch.testing.assert_close(detached(q).log_prob(z), q.log_prob(z).detach())
