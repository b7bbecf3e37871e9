from dataclasses import replace

import pytest
import torch

from tests.support.small import digits, vae
from vaeline.evaluation.estimators.latents import Latents
from vaeline.evaluation.latent_use import (
    check_posterior_collapse,
    collapse_of,
    dimension_table,
    latent_statistics,
    post_training_diagnostics,
)


def gaussian_latents(means: torch.Tensor, variances: torch.Tensor) -> Latents:
    kl = 0.5 * (means.square() + variances - 1 - variances.log())
    return Latents(means, variances, torch.zeros_like(means), kl, (means.shape[1],))


N = 1000
# One dimension that is used, one that ignores the image, and one whose mean varies a little.
MEANS = torch.stack([torch.randn(N), torch.zeros(N), 0.2 * torch.randn(N)], dim=1)
VARIANCES = torch.tensor([0.05, 1.0, 0.96]).expand(N, 3)
HEALTHY = gaussian_latents(MEANS, VARIANCES)


def test_collapse_is_detected_only_where_all_latents_ignore_the_image():
    flat = collapse_of(gaussian_latents(1e-3 * torch.randn(N, 3), torch.ones(N, 3)))
    assert flat.collapsed
    assert flat.active_dims == 0
    healthy = collapse_of(HEALTHY)
    assert not healthy.collapsed
    assert healthy.active_dims == 1


def test_the_threshold_applies_to_the_mean_over_examples():
    """Half of the images at 0.3 nats and half at 0 have a mean of 0.15, which is above 0.1."""
    kl = torch.tensor([[0.3], [0.0]]).repeat(50, 1)
    latents = Latents(torch.zeros(100, 1), torch.ones(100, 1), torch.zeros(100, 1), kl, (1,))
    collapse = collapse_of(latents)
    assert collapse.kl_per_dim.tolist() == pytest.approx([0.15])
    assert collapse.active_dims == 1
    assert collapse_of(latents, threshold=0.2).collapsed


def test_statistics_agree_with_their_formulas():
    values = latent_statistics(HEALTHY)
    means, variances = MEANS.double(), VARIANCES.double()
    assert values["mu_mean"] == pytest.approx(means.mean().item(), abs=1e-6)
    assert values["mu_std"] == pytest.approx(means.std().item(), rel=1e-5)
    assert values["var_mean"] == pytest.approx((0.05 + 1 + 0.96) / 3, rel=1e-5)
    aggregate = (means.var(0, correction=0) + variances.mean(0)).mean().item()
    assert values["aggregate_var_mean"] == pytest.approx(aggregate)
    assert values["kl"] == pytest.approx(HEALTHY.kl.sum(1).mean().item())
    assert (values["active_dims"], values["active_units"], values["latent_dims"]) == (1, 2, 3)


def test_a_matched_aggregate_posterior_is_distinguished_from_a_collapsed_one():
    """The aggregate variance is near 1 in both; σ² and the counts differ."""
    matched = latent_statistics(gaussian_latents(0.9 * torch.randn(N, 3), torch.full((N, 3), 0.19)))
    collapsed = latent_statistics(gaussian_latents(torch.zeros(N, 3), torch.ones(N, 3)))
    for values in (matched, collapsed):
        assert values["aggregate_var_mean"] == pytest.approx(1.0, abs=0.05)
    assert matched["var_mean"] < 0.2 < 0.99 < collapsed["var_mean"]
    assert (matched["active_dims"], matched["active_units"]) == (3, 3)
    assert (collapsed["active_dims"], collapsed["active_units"]) == (0, 0)


def test_the_table_of_dimensions_is_ordered_by_kl():
    table = dimension_table(HEALTHY)
    assert table["dimension"].tolist() == [0, 2, 1]
    assert table["kl"].tolist() == sorted(HEALTHY.kl.double().mean(0).tolist(), reverse=True)
    assert table["active_unit"].tolist() == [1, 1, 0]
    for column, values in {
        "mu_mean": MEANS.mean(0),
        "mu_var": MEANS.var(0),
        "var_mean": VARIANCES[0],
    }.items():
        assert table[column].tolist() == pytest.approx(values[[0, 2, 1]].tolist())


def test_a_posterior_without_closed_form_has_a_table_too():
    """Its KL does not split into dimensions, but the other columns do."""
    table = dimension_table(replace(HEALTHY, kl=HEALTHY.kl.sum(1, keepdim=True)))
    assert sorted(table["dimension"]) == [0, 1, 2]
    assert table.set_index("dimension")["active_unit"].sort_index().tolist() == [1, 0, 1]


def test_a_model_whose_encoder_ignores_the_image_is_collapsed():
    model = vae().eval()
    for head, value in ((model.posterior.fc_mu, 0.0), (model.posterior.fc_log_var, 0.0)):
        torch.nn.init.zeros_(head.weight)
        torch.nn.init.constant_(head.bias, value)
    collapse = check_posterior_collapse(model, digits(50))
    assert collapse.collapsed
    assert collapse.kl_per_dim.tolist() == [0.0] * 3
    with torch.no_grad():
        model.posterior.fc_mu.weight[1] = 1.0
    assert check_posterior_collapse(model, digits(50)).active_dims == 1


def test_the_diagnostics_of_a_model_have_the_metrics_of_the_stage():
    model = vae().eval()
    values = post_training_diagnostics(model, digits(50))
    assert {"mu_mean", "mu_std", "var_mean", "active_dims", "active_units", "mse", "sse"} <= values.keys()
    assert values["sse"] == pytest.approx(64 * values["mse"])
    assert values["sse_se"] == pytest.approx(64 * values["mse_se"])
    q = model.encode(digits(50) / 255)
    assert values["mu_mean"] == pytest.approx(q.mean.mean().item(), abs=1e-6)
    assert values["var_mean"] == pytest.approx(q.variance.mean().item(), rel=1e-5)
