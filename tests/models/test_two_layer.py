from dataclasses import replace

import pytest
import torch

from tests.support.small import digits, shown, vae
from vaeline.evaluation.estimators.latents import active_units_of_one_draw, measure_latents
from vaeline.models.inference import Inference

DRAWS = 20_000


def model(**changes):
    sizes = {"name": "two_layer", "two_layer": {"latent_dim": 2, "hidden_dim": 8}}
    built = vae(model=sizes, **changes).eval()
    torch.nn.init.normal_(built.conditional.fc_mu.weight)  # p(z₁|z₂) depends on z₂ as in a trained model
    torch.nn.init.normal_(built.upwards[1][0].weight)
    torch.nn.init.normal_(built.posterior2.fc_mu.weight)
    return built


@torch.no_grad()
def gap(closed_form: bool) -> tuple[float, float]:
    """The ELBO by its terms less the mean log weight, and the standard error of that difference."""
    torch.manual_seed(0)
    x = shown(1)
    result = model().infer(x, DRAWS)
    first = replace(result.layers[0], closed_form=closed_form)
    parts = [layer.kl_terms().expand(DRAWS, 1, -1).sum(-1) for layer in (first, result.layers[1])]
    by_terms = -result.distortion(x) - sum(parts)
    difference = (by_terms - result.log_weights(x)).double().flatten()
    return difference.mean().item(), difference.std().item() / DRAWS**0.5


def test_its_kl_terms_add_up_to_the_elbo():
    difference, error = gap(closed_form=False)
    assert abs(difference) < 4 * error


def test_a_closed_form_for_the_first_layer_does_not_add_up_to_the_elbo():
    """z₂ was drawn from z₁: E[log q(z₁|x) − log p(z₁|z₂)] is not the mean of KL(q(z₁|x) ‖ p(z₁|z₂))."""
    difference, error = gap(closed_form=True)
    assert abs(difference) > 8 * error


def test_its_layers_have_the_densities_of_its_networks():
    built = model()
    result = built.infer(shown(2), 3)
    assert isinstance(result, Inference)
    z1, z2 = (layer.sample for layer in result.layers)
    assert (z1.shape, z2.shape) == ((3, 2, built.latent_dim), (3, 2, 2))
    again = built.conditional(built.downwards(z2[1, 1][None])).log_prob(z1[1, 1])
    torch.testing.assert_close(result.layers[0].prior.log_prob(z1)[1, 1], again[0])
    torch.testing.assert_close(result.layers[1].prior.log_prob(z2), built.prior().log_prob(z2))


def test_its_samples_go_through_both_layers():
    """With p(z₁|z₂) pinned to one z₁, every sample is the image of that z₁."""
    built = model()
    for head, value in ((built.conditional.fc_mu, 0.5), (built.conditional.fc_log_var, -80.0)):
        torch.nn.init.zeros_(head.weight)
        torch.nn.init.constant_(head.bias, value)
    expected = built.decode(torch.full((built.latent_dim,), 0.5)).mean
    for sample in built.sample(3):
        assert sample == pytest.approx(expected.detach(), abs=1e-3)


@pytest.mark.parametrize(("informed", "active"), [([], (0, 0)), ([0], (1, 2)), ([0, 1, 2], (3, 2))])
def test_its_second_layer_is_active_only_where_z1_depends_on_the_image(informed, active):
    """z₂ follows z₁ in every case, so that for one draw it varies even where z₁ is noise."""
    built = model()
    for head in (built.posterior.fc_mu, built.posterior.fc_log_var):
        torch.nn.init.zeros_(head.weight)
        torch.nn.init.zeros_(head.bias)
    with torch.no_grad():
        built.posterior.fc_mu.weight[informed] = torch.randn(len(informed), built.posterior.fc_mu.in_features)
    assert (built.infer(shown(300)).layers[1].posterior.mean.var((0, 1)) > 0.1).all()
    assert measure_latents(built, digits(300)).active_units_by_layer == active
    assert active_units_of_one_draw(built, digits(300)) == (active[0], 2)
