import math

import pytest
import torch

from tests.support.small import config
from vaeline.models.priors.catalog import PRIORS

PRIOR = PRIORS.build(config(prior={"name": "standard_normal"}).prior, latent_dim=4)


def test_density_is_that_of_independent_standard_normals():
    z = torch.randn(6, 4)
    expected = -0.5 * z.square().sum(-1) - 2 * math.log(2 * math.pi)
    torch.testing.assert_close(PRIOR().log_prob(z), expected)


def test_it_has_nothing_to_train_or_to_save():
    assert not list(PRIOR.parameters())
    assert PRIOR.state_dict() == {}
    with pytest.raises(RuntimeError, match="Unexpected key"):
        PRIOR.load_state_dict({"loc": torch.zeros(4)})
