import pytest
import torch

from tests.support.small import shown, vae
from vaeline.core.errors import VaelineError


@pytest.mark.parametrize("batch", [(), (4,), (2, 4)])
def test_decode_takes_any_batch_of_latents(batch):
    model = vae().eval()
    z = torch.randn(*batch, model.latent_dim)
    p = model.decode(z)
    assert (p.batch_shape, p.event_shape) == (batch, (1, 8, 8))
    expected = torch.sigmoid(model.decoder(z.reshape(-1, model.latent_dim))).reshape(*batch, 1, 8, 8)
    torch.testing.assert_close(p.mean, expected)


def test_infer_draws_from_the_posterior_that_encode_gives():
    model, x = vae().eval(), shown(6)
    result = model.infer(x, 20_000)
    q = model.encode(x)
    assert torch.equal(result.layers[0].posterior.mean, q.mean)
    z = result.layers[0].sample
    assert ((z.mean(0) - q.mean) / (q.variance / 20_000).sqrt()).abs().max() < 4.5


def test_a_sample_is_the_mean_of_the_likelihood_at_a_draw_of_the_prior():
    model = vae().eval()
    torch.manual_seed(3)
    images = model.sample(9)
    torch.manual_seed(3)
    z = torch.randn(9, model.latent_dim)
    torch.testing.assert_close(images, torch.sigmoid(model.decoder(z)))


def test_the_default_784_400_200_20_has_the_parameters_counted_by_hand():
    model = vae(event_shape=(1, 28, 28), hidden_dim=400, latent_dim=20)
    encoder = 784 * 400 + 400 + 400 * 200 + 200 + 2 * (200 * 20 + 20)
    decoder = 20 * 200 + 200 + 200 * 400 + 400 + 400 * 784 + 784
    assert sum(p.numel() for p in model.parameters()) == encoder + decoder


def test_a_part_that_is_not_in_its_table_is_rejected():
    with pytest.raises(VaelineError, match=r"prior\.name = 'uniform' is not allowed: .*'standard_normal'"):
        vae(prior={"name": "uniform"})
