import math

import pytest
import torch

from vaeline.core.errors import VaelineError
from vaeline.models.distributions.gaussians import FullGaussian, detached, diagonal_gaussian
from vaeline.models.distributions.mixtures import GaussianMixture


def test_density_of_the_last_draw_is_that_of_its_noise_where_z_has_lost_its_digits():
    """Near 1,000 float32 has steps of 6e-5, a sixteenth of σ: a density solved from z would be off."""
    eps = torch.randn(6, 3)
    lower = 1e-3 * torch.tensor([[1.0, 0.0, 0.0], [0.5, 2.0, 0.0], [-0.3, 0.2, 1.0]])
    q = FullGaussian(torch.full((3,), 1000.0), lower)
    z = q.draw((6,), lambda shape, like: eps.reshape(shape))
    expected = -0.5 * (eps.square() + math.log(2 * math.pi)).sum(-1) - math.log(2e-9)
    torch.testing.assert_close(q.log_prob(z), expected)


@pytest.mark.parametrize("make", [diagonal_gaussian, lambda loc, _: FullGaussian(loc, torch.eye(2))])
def test_nan_in_the_parameters_is_a_nan_in_the_density_and_no_error(make):
    """A training that diverges counts such an update as skipped."""
    q = make(torch.tensor([0.0, math.nan]), torch.ones(2))
    assert q.log_prob(torch.zeros(2)).isnan()
    assert q.rsample()[1].isnan()


def test_only_gaussians_are_detached():
    one = torch.ones(2, 3, requires_grad=True)
    assert not detached(diagonal_gaussian(one, one)).base_dist.scale.requires_grad
    with pytest.raises(VaelineError, match="need a Gaussian posterior: use 'standard'"):
        detached(GaussianMixture(one, one, torch.zeros(2)))
