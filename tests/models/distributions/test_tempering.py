import pytest
import torch
from torch.distributions import MultivariateNormal

from tests.models.distributions.test_codes import CODES, DIM, POSITIONS, every, prior
from tests.support.small import vae
from vaeline.models.distributions.tempering import tempered

T = 0.5


@pytest.mark.parametrize("name", ["standard_normal", "mixture", "vamp"])
def test_of_the_same_noise_a_colder_draw_is_nearer_to_its_centre(name):
    p = vae(prior={"name": name, name: {"components": 4}} if name != "standard_normal" else {}).prior()
    draws = []
    for temperature in (0, T, 1):
        torch.manual_seed(0)
        draws.append(tempered(p, temperature).sample((200,)))
    centre, cold, usual = draws
    torch.testing.assert_close(cold - centre, T * (usual - centre), rtol=1e-4, atol=1e-5)
    assert (usual - centre).std() > 0.1


def test_a_flow_transforms_colder_noise():
    p = vae(prior={"name": "flow"}).prior()
    torch.manual_seed(0)
    z = tempered(p, T).sample((50,))
    torch.manual_seed(0)
    expected = T * torch.randn(50, 3)
    for step in p.steps:
        expected = step(expected)
    torch.testing.assert_close(z, expected)


def test_codes_are_drawn_from_the_density_of_divided_logits():
    cold = tempered(prior(), T)
    log_p = cold.log_prob(cold.table[every()].reshape(-1, POSITIONS * DIM))
    assert log_p.exp().sum().item() == pytest.approx(1)
    torch.manual_seed(0)
    first = cold.sample((20_000,)).unflatten(-1, (POSITIONS, DIM))[:, 0]
    shares = (first[:, None] == cold.table).all(-1).float().mean(0)
    of_first = log_p.exp().reshape(CODES, -1).sum(1)
    torch.testing.assert_close(shares, of_first, rtol=0, atol=0.02)
    assert (
        of_first.max()
        > prior().log_prob(prior().table[every()].flatten(1)).exp().reshape(CODES, -1).sum(1).max()
    )


def test_nothing_changes_at_one_and_what_has_no_temperature_is_rejected():
    p = prior()
    assert tempered(p, 1.0) is p
    with pytest.raises(TypeError, match="MultivariateNormal does not say"):
        tempered(MultivariateNormal(torch.zeros(2), torch.eye(2)), T)
