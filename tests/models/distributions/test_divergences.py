import torch
from torch.distributions import Independent, MultivariateNormal, Normal, kl_divergence

from vaeline.models.distributions.divergences import drawn_terms, kl_terms
from vaeline.models.distributions.gaussians import diagonal_gaussian, is_diagonal_gaussian
from vaeline.models.distributions.mixtures import GaussianMixture

DRAWS = 200_000


def gaussian(*batch: int) -> Independent:
    loc, log_scale = torch.randn(*batch, dtype=torch.float64), torch.randn(*batch, dtype=torch.float64)
    return diagonal_gaussian(loc, (log_scale / 2).exp())


def test_the_closed_form_agrees_with_torch_in_each_dimension():
    q, p = gaussian(5, 3), gaussian(3)
    terms = kl_terms(q, p, q.rsample((2,)))
    torch.testing.assert_close(terms, kl_divergence(q.base_dist, p.base_dist), rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(terms.sum(-1), kl_divergence(q, p))


def test_the_closed_form_is_the_mean_of_the_log_ratio_of_draws():
    q, p = gaussian(4, 3), gaussian(3)
    z = q.rsample((DRAWS,))
    ratio = q.log_prob(z) - p.log_prob(z)
    errors = (ratio.mean(0) - kl_terms(q, p, z).sum(-1)) / (ratio.std(0) / DRAWS**0.5)
    assert errors.abs().max() < 4


def test_the_kl_is_zero_if_q_is_p_and_positive_otherwise():
    p = gaussian(3)
    assert kl_terms(p, p, p.sample((1,))).abs().max() < 1e-15
    assert (kl_terms(gaussian(50, 3), p, p.sample((1, 50))) > 0).all()


def test_without_a_closed_form_the_single_term_is_unbiased():
    q, p = MultivariateNormal(torch.ones(3), torch.diag(torch.tensor([0.5, 1.0, 2.0]))), gaussian(3)
    p = diagonal_gaussian(p.base_dist.loc.float(), p.base_dist.scale.float())
    terms = kl_terms(q.expand((4,)), p, q.rsample((DRAWS, 4)))
    assert terms.shape == (DRAWS, 4, 1)
    exact = kl_divergence(Independent(Normal(q.mean, q.variance.sqrt()), 1), p)
    errors = (terms.mean(0) - exact) / (terms.std(0) / DRAWS**0.5)
    assert errors.abs().max() < 4


def test_a_full_gaussian_does_not_count_as_diagonal():
    full = MultivariateNormal(torch.zeros(2), torch.eye(2))
    assert is_diagonal_gaussian(gaussian(4, 2))
    assert not is_diagonal_gaussian(full)
    assert kl_terms(full, gaussian(2), torch.zeros(5, 2)).shape == (5, 1)


def test_drawn_terms_are_one_a_dimension_for_diagonal_gaussians_and_else_one():
    q, p = gaussian(4, 3), gaussian(3)
    z = q.rsample((2,))
    terms = drawn_terms(q, p, z)
    assert terms.shape == (2, 4, 3)
    torch.testing.assert_close(terms.sum(-1), q.log_prob(z) - p.log_prob(z))
    mixture = GaussianMixture(torch.randn(5, 3), torch.ones(5, 3), torch.zeros(5))
    assert torch.equal(drawn_terms(q, mixture, z), (q.log_prob(z) - mixture.log_prob(z))[..., None])
