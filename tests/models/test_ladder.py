import pytest
import torch
from torch.distributions import Normal

from tests.support.small import digits, objective, shown, vae
from vaeline.evaluation.estimators.latents import measure_latents

DRAWS = 20_000
SKIP = pytest.mark.parametrize("skip", [False, True])


def model(skip: bool = False, **changes):
    options = {"layers": 3, "hidden_dim": 8, "skip": skip}
    built = vae(model={"name": "ladder", "ladder": options}, latent_dim=6, **changes)
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
@SKIP
def test_its_kl_terms_add_up_to_the_elbo(skip):
    torch.manual_seed(0)
    x = shown(1)
    result = model(skip).infer(x, DRAWS)
    parts = [layer.kl_terms().expand(DRAWS, 1, -1).sum(-1) for layer in result.layers]
    difference = (-result.distortion(x) - sum(parts) - result.log_weights(x)).double().flatten()
    assert difference.std() > 0.1  # else the closed forms would not differ from the draws
    assert abs(difference.mean()) < 4 * difference.std() / DRAWS**0.5


@torch.no_grad()
def test_a_layer_of_q_is_the_product_of_evidence_and_p():
    """log q − log (evidence · p) is the same everywhere: the constant of normalisation."""
    built, x = model(), shown(2)
    inference = built.infer(x)
    for level in (0, 1):
        layer = inference.layers[level]
        evidence = built.seen[level](built.features(x)[level])
        z = 2 * torch.randn(50, *layer.sample.shape)
        ratio = layer.posterior.log_prob(z) - evidence.log_prob(z) - layer.prior.log_prob(z)
        assert ratio.std(0).max() < 1e-3


@torch.no_grad()
def test_layers_of_a_large_scale_are_no_wide_posteriors():
    """No product is wider than one of its factors, whatever the scale of z_l is."""
    built = model(posterior={"diagonal": {"log_var_bias": 8.0}})
    torch.nn.init.constant_(built.posterior.fc_log_var.bias, 0.0)  # the prior of the uppermost layer has one
    inference = built.infer(shown(4), 5)
    assert inference.layers[0].variance().max() > 100
    assert 0.1 < inference.max_variance() < 2


def depends(built, level: int, above: int) -> bool:
    """Returns whether p(z_level|·) depends on z_above, all others fixed; level 0 is the image."""
    z = torch.randn(built.sizes[0] + built.sizes[1] + built.sizes[2])
    parts = list(z.split(built.sizes))
    means = []
    for _ in range(2):
        whole = torch.cat(parts)
        if level == 0:
            means.append(built.joint(whole)[1].mean)
        else:
            of_level = {}
            built.descend(parts[-1], lambda i, p: of_level.update({i + 1: p.mean}) or parts[i])  # noqa: B023
            means.append(of_level[level])
        parts[above - 1] = parts[above - 1] + 1
    return not torch.equal(*means)


@torch.no_grad()
@SKIP
def test_with_skips_each_layer_depends_on_all_above_it_and_without_on_the_next(skip):
    built = model(skip)
    pairs = {(level, above) for level in range(3) for above in range(level + 1, 4)}
    assert {pair for pair in pairs if depends(built, *pair)} == {(0, 1), (1, 2), (2, 3)} | (
        {(0, 2), (0, 3), (1, 3)} if skip else set()
    )


@torch.no_grad()
@SKIP
def test_its_joint_density_at_inferred_draws_is_that_of_its_layers(skip):
    built = model(skip)
    result = built.infer(shown(4), 3)
    z = torch.cat([layer.sample for layer in result.layers], dim=-1)
    log_p, likelihood = built.joint(z)
    torch.testing.assert_close(log_p, sum(layer.prior.log_prob(layer.sample) for layer in result.layers))
    torch.testing.assert_close(likelihood.mean, result.likelihood.mean)
    torch.testing.assert_close(built.decode(z[..., : built.latent_dim]).mean, result.likelihood.mean)


@SKIP
def test_draws_from_its_prior_have_its_density(skip):
    """Stein's identity: under p(z), E[∇ log p(z)] = 0 and E[z · ∇ log p(z)] = −1 in each dimension."""
    built = model(skip)
    z = built.prior_sample((DRAWS,)).requires_grad_()
    (score,) = torch.autograd.grad(built.joint(z)[0].sum(), z)
    for values, expected in ((score, 0), (z.detach() * score, -1)):
        assert ((values.mean(0) - expected).abs() < 4.5 * values.std(0) / DRAWS**0.5).all()


@SKIP
def test_its_samples_are_the_images_of_draws_from_the_prior(skip):
    built = model(skip)
    torch.manual_seed(3)
    images = built.sample(5)
    torch.manual_seed(3)
    _, likelihood = built.joint(built.prior_sample((5,)))
    torch.testing.assert_close(images, likelihood.mean.detach())


@SKIP
def test_the_loss_reaches_all_its_parameters(skip):
    built = model(skip)
    objective()(built, shown(5), 1.0).loss.backward()
    assert [name for name, p in built.named_parameters() if p.grad is None or not p.grad.any()] == []


@SKIP
def test_its_latent_dim_is_that_of_the_layers_that_the_decoder_takes(skip):
    """z_1 … z_3 side by side with skips, else z_1."""
    built = model(skip)
    assert built.latent_dim == (10 if skip else 6)
    assert built.decode(torch.zeros(2, built.latent_dim)).mean.shape == (2, 1, 8, 8)


@torch.no_grad()
def test_without_evidence_from_the_image_q_is_p():
    built = blinded(model())
    lower = built.infer(shown(3)).layers[:2]
    for layer in lower:
        p, q = layer.prior.base_dist, layer.posterior.base_dist
        torch.testing.assert_close(
            torch.distributions.kl_divergence(q, Normal(p.loc, p.scale)),
            torch.zeros_like(q.loc),
            rtol=0,
            atol=1e-4,
        )


def blinded(built):
    """Returns the model with lower layers that get no evidence from the image: q(z_l|·) is p(z_l|z_{l+1})."""
    for head in built.seen:
        torch.nn.init.zeros_(head.fc_log_var.weight)
        torch.nn.init.constant_(head.fc_log_var.bias, 20.0)
    return built


def collapsed(built):
    """Returns the model with a posterior that is the prior at every layer, whatever the layers above are."""
    for head in (built.posterior.fc_mu, built.posterior.fc_log_var):
        torch.nn.init.zeros_(head.weight)
        torch.nn.init.zeros_(head.bias)
    return blinded(built)


def test_a_collapsed_ladder_has_no_active_unit():
    """Though p(z_l|z_{l+1}) depends on a draw, which for one draw looks active."""
    built = collapsed(model())
    latents = measure_latents(built, digits(300))
    means = built.infer(shown(300)).layers[0].posterior.mean
    assert (means.var((0, 1)) > 0.01).all()
    assert latents.active_units_by_layer == (0, 0, 0)
    assert latents.kl.abs().max() < 1e-3


def test_units_that_depend_on_the_image_are_counted_at_their_layer():
    """Four dimensions of z_1 depend on the image, and the other two on the layers above only."""
    built = collapsed(model())
    with torch.no_grad():
        torch.nn.init.normal_(built.seen[0].fc_mu.weight)
        built.seen[0].fc_log_var.bias[:4] = -10.0
    latents = measure_latents(built, digits(300))
    assert latents.active_units.tolist() == [True] * 4 + [False] * 6
    assert latents.active_units_by_layer == (4, 0, 0)


def test_activity_of_the_top_layer_reaches_the_layers_below_it():
    """The image reaches z_3 only: the means of z_2 and z_1 follow it through p, except those of no weight."""
    built = collapsed(model())
    with torch.no_grad():
        torch.nn.init.normal_(built.posterior.fc_mu.weight, std=5.0)
        built.conditionals[0].fc_mu.weight[2:].zero_()
    assert measure_latents(built, digits(300)).active_units_by_layer == (2, 3, 1)


@pytest.mark.parametrize("prior", ["vamp", "flow"])
def test_its_top_takes_other_priors(prior):
    built = model(prior={"name": prior, "vamp": {"components": 4}})
    assert torch.isfinite(built.infer(shown(2), 3).log_weights(shown(2))).all()
