import pytest
import torch
from torch.distributions import Normal

from tests.small import shown, vae

DRAWS = 20_000


def model(**changes):
    built = vae(model={"name": "ladder", "ladder": {"layers": 3, "hidden_dim": 8}}, latent_dim=6, **changes)
    for conditional in built.conditionals:  # p(z_l|z_{l+1}) depends on z_{l+1} as in a trained model
        torch.nn.init.normal_(conditional.fc_mu.weight)
    return built.eval()


def test_each_next_layer_has_half_the_dimensions():
    assert [layer.sample.shape for layer in model().infer(shown(2), 4).layers] == [
        (4, 2, 6),
        (4, 2, 3),
        (4, 2, 1),
    ]


@torch.no_grad()
def test_its_kl_terms_add_up_to_the_elbo():
    torch.manual_seed(0)
    x = shown(1)
    seen = model().infer(x, DRAWS)
    parts = [layer.kl_terms().expand(DRAWS, 1, -1).sum(-1) for layer in seen.layers]
    difference = (-seen.distortion(x) - sum(parts) - seen.log_weights(x)).double().flatten()
    assert difference.std() > 0.1  # else the closed forms would not differ from the draws
    assert abs(difference.mean()) < 4 * difference.std() / DRAWS**0.5


@torch.no_grad()
def test_a_layer_of_q_is_the_product_of_what_was_seen_and_of_p():
    """log q − log (seen · p) is the same everywhere: its constant of normalisation."""
    built, x = model(), shown(2)
    inference = built.infer(x)
    for level in (0, 1):
        layer = inference.layers[level]
        seen = built.seen[level](built._upwards(x)[level])
        z = 2 * torch.randn(50, *layer.sample.shape)
        ratio = layer.posterior.log_prob(z) - seen.log_prob(z) - layer.prior.log_prob(z)
        assert ratio.std(0).max() < 1e-3


@torch.no_grad()
def test_its_layers_hang_on_one_another_in_their_order():
    built = model()
    seen = built.infer(shown(2), 3)
    for level in (0, 1):
        again = built.given(level, seen.layers[level + 1].sample[1, 1])
        torch.testing.assert_close(seen.layers[level].prior.mean[1, 1], again.mean)


@torch.no_grad()
def test_where_the_image_says_nothing_q_is_p():
    built = model()
    for head in built.seen:
        torch.nn.init.zeros_(head.fc_log_var.weight)
        torch.nn.init.constant_(head.fc_log_var.bias, 20.0)
    lower = built.infer(shown(3)).layers[:2]
    for layer in lower:
        p, q = layer.prior.base_dist, layer.posterior.base_dist
        torch.testing.assert_close(
            torch.distributions.kl_divergence(q, Normal(p.loc, p.scale)),
            torch.zeros_like(q.loc),
            rtol=0,
            atol=1e-4,
        )


@pytest.mark.parametrize("prior", ["vamp", "flow"])
def test_its_top_takes_other_priors(prior):
    built = model(prior={"name": prior, "vamp": {"components": 4}})
    assert torch.isfinite(built.infer(shown(2), 3).log_weights(shown(2))).all()
