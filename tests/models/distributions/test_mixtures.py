import torch
from torch.distributions import Categorical, MixtureSameFamily

from vaeline.models.distributions.gaussians import diagonal_gaussian
from vaeline.models.distributions.mixtures import GaussianMixture

COMPONENTS, DIM = 7, 4
DRAWS = 20_000


def both(scale: float = 1.0):
    loc, log_weights = torch.randn(COMPONENTS, DIM), torch.randn(COMPONENTS)
    scale = scale * torch.rand(COMPONENTS, DIM) + 1e-3
    peer = MixtureSameFamily(Categorical(logits=log_weights), diagonal_gaussian(loc, scale))
    return GaussianMixture(loc, scale, log_weights), peer


def test_density_and_moments_agree_with_the_mixture_of_torch():
    ours, peer = both()
    z = 3 * torch.randn(5, 6, DIM)
    torch.testing.assert_close(ours.log_prob(z), peer.log_prob(z))
    torch.testing.assert_close(ours.mean, peer.mean)
    torch.testing.assert_close(ours.variance, peer.variance)


def test_the_density_of_narrow_components_is_accurate():
    """Near a mean of 1 with σ = 0.001, the squares subtracted are a million times the difference."""
    ours, peer = both(scale=1e-3)
    z = peer.sample((50,))
    exact = MixtureSameFamily(
        Categorical(logits=ours.log_weights.double()),
        diagonal_gaussian(ours.loc.double(), ours.scale.double()),
    ).log_prob(z.double())
    torch.testing.assert_close(ours.log_prob(z).double(), exact, rtol=0, atol=1e-3)


def test_draws_have_the_moments_and_the_shares_of_the_components():
    torch.manual_seed(0)
    ours, _ = both(scale=1e-3)
    z = ours.sample((DRAWS,))
    assert z.shape == (DRAWS, DIM)
    assert ((z.mean(0) - ours.mean) / (ours.variance / DRAWS).sqrt()).abs().max() < 4.5
    nearest = torch.cdist(z, ours.loc).argmin(-1)
    p = ours.log_weights.exp()
    shares = torch.bincount(nearest, minlength=COMPONENTS) / DRAWS
    assert ((shares - p) / (p * (1 - p) / DRAWS).sqrt()).abs().max() < 4.5
