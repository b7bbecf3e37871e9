"""FactorVAE: the discriminator against closed forms, and who gets which gradient."""

import math

import pytest
import torch
from torch.distributions import MultivariateNormal

from tests.support import small
from tests.support.linear_gaussian import Mixed, images
from tests.support.small import config, shown, vae
from vaeline.core.errors import VaelineError
from vaeline.training.objectives.catalog import OBJECTIVES
from vaeline.training.objectives.factor import permuted
from vaeline.training.steps.compiled import CompiledGradients
from vaeline.training.steps.gradients import Gradients


def objective(k: int = 1, free_bits: float = 0.0, batch_size: int = 50, latent_dim: int = 3, **options):
    section = {"name": "factor", "k": k, "factor": {"hidden_dim": 32, "depth": 2, **options}}
    params = config(objective=section, free_bits=free_bits, batch_size=batch_size, latent_dim=latent_dim)
    return small.objective(params)


@pytest.mark.parametrize(
    "correlations",
    [
        torch.tensor([[1.0, 0.5, 0.0], [0.5, 1.0, -0.6], [0.0, -0.6, 1.0]]),
        torch.eye(2),
    ],
    ids=["three", "independent"],
)
def test_optimal_discriminator_gives_the_total_correlation_of_gaussians(correlations):
    """−½ log det of the correlations, whatever the scales; averaged over the last steps of a training."""
    torch.manual_seed(0)
    d, steps, last = len(correlations), 1500, 300
    scales = torch.linspace(0.5, 1.5, d)
    q = MultivariateNormal(torch.zeros(d), correlations * torch.outer(scales, scales))
    built = objective(latent_dim=d)
    optimizer = torch.optim.Adam(built.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    found = []
    for step in range(steps):
        z = q.sample((1, 1024))
        optimizer.zero_grad()
        built.cross_entropy(z).backward()
        optimizer.step()
        schedule.step()
        if step >= steps - last:
            found.append(built.total_correlation(q.sample((1, 4096))).item())
    known = -0.5 * correlations.logdet().item()
    assert sum(found) / last == pytest.approx(known, abs=0.03)
    assert built.cross_entropy(q.sample((1, 4096))).item() <= math.log(2) + 0.01


def test_each_dimension_is_permuted_on_its_own_and_keeps_its_values():
    z = torch.arange(2 * 500 * 3.0).reshape(2, 500, 3)
    mixed = permuted(z, torch.randn_like(z))
    assert torch.equal(mixed.sort(1).values, z)
    rows = (mixed - z[0, 0]).div(3).round() % 500  # the example that each value was of
    for one, other in ((rows[0, :, 0], rows[0, :, 1]), (rows[0, :, 0], rows[1, :, 0])):
        # Two orders agree at one place on average.
        assert (one == other).sum() < 10
        assert torch.stack([one, other]).corrcoef()[0, 1].abs() < 5 / 500**0.5


def test_a_permutation_takes_away_the_total_correlation_and_leaves_the_marginals():
    z = MultivariateNormal(torch.zeros(2), torch.tensor([[1.0, 0.9], [0.9, 1.0]])).sample((1, 20_000))
    covariance = permuted(z, torch.randn_like(z))[0].T.cov()
    assert covariance[0, 1].abs() < 5 / 20_000**0.5
    torch.testing.assert_close(covariance.diagonal(), z[0].T.cov().diagonal())


def gradients(loss: torch.Tensor, parameters) -> list[torch.Tensor | None]:
    return list(torch.autograd.grad(loss, list(parameters), allow_unused=True, retain_graph=True))


@pytest.mark.parametrize("k", [1, 3])
def test_neither_loss_has_a_gradient_to_the_other_network(k):
    """The model's gradient is that of −ELBO + γ TC, the discriminator's that of its cross-entropy."""
    model, x, built = vae(), shown(10), objective(k=k, gamma=7.0)
    torch.manual_seed(3)
    found = gradients(built(model, x, 2.0).loss, [*model.parameters(), *built.parameters()])
    torch.manual_seed(3)
    inference = model.infer(x, k)
    z = inference.layers[0].sample
    elbo = inference.distortion(x).mean() + 2 * inference.kl_terms().sum(1).mean()
    of_model = elbo + 7 * built.total_correlation(z)
    of_discriminator = built.cross_entropy(z.detach())
    assert gradients(of_model, built.parameters()) == [None] * 6
    assert gradients(of_discriminator, model.parameters()) == [None] * len(list(model.parameters()))
    own = [*gradients(of_model, model.parameters()), *gradients(of_discriminator, built.parameters())]
    for one, other in zip(found, own, strict=True):
        torch.testing.assert_close(one, other)
        assert other.any()


def test_the_loss_is_the_elbo_and_the_weighted_total_correlation_and_nothing_else():
    model, x = vae(), shown(10)
    for gamma in (0.0, 5.0):
        for beta in (0.0, 1.0, 3.0):
            built = objective(gamma=gamma)
            torch.manual_seed(3)
            found = built(model, x, beta).loss
            torch.manual_seed(3)
            expected = small.objective()(model, x, beta).loss
            torch.manual_seed(3)
            expected = expected + gamma * built.total_correlation(model.infer(x).layers[0].sample)
            torch.testing.assert_close(found, expected)


def test_training_reduces_the_total_correlation():
    """That of the aggregate posterior, as a Gaussian: from its covariance."""
    torch.manual_seed(0)
    model, x = Mixed(), images(1000).float() / 255

    def correlation() -> float:
        z = model.infer(x).layers[0].sample[0]
        return -0.5 * z.T.corrcoef().logdet().item()

    built = objective(latent_dim=2, gamma=1e3).double()
    before = correlation()
    groups = [{"params": [model.mix], "lr": 5e-3}, {"params": built.parameters(), "lr": 3e-3}]
    optimizer = torch.optim.Adam(groups)
    for _ in range(400):
        optimizer.zero_grad()
        built(model, x, 1.0).loss.backward()
        optimizer.step()
    assert before > 0.2
    assert correlation() < 0.1 * before


@pytest.mark.usefixtures("traced")
def test_compiled_gradients_are_the_same():
    found = []
    for kind in (Gradients, CompiledGradients):
        torch.manual_seed(0)
        step = kind(vae(), objective(k=2), config(batch_size=21))
        torch.manual_seed(1)
        found.append(step(shown(21), 1.0).gradients)
        assert getattr(step, "possible", True)
    torch.testing.assert_close(*found, rtol=1e-4, atol=1e-4)


def test_in_bfloat16_its_logits_are_summed_in_float32():
    built, z = objective(), torch.randn(1, 50, 3)
    fine = built.total_correlation(z)
    with torch.autocast("cpu", torch.bfloat16):
        coarse = built.total_correlation(z), built.cross_entropy(z)
    assert {value.dtype for value in coarse} == {torch.float32}
    torch.testing.assert_close(coarse[0], fine, atol=0.02, rtol=0)


def test_unsupported_choices_are_rejected_in_one_line():
    with pytest.raises(VaelineError, match=r"free_bits = 0\.1 has no meaning with objective\.name=factor"):
        objective(free_bits=0.1)
    with pytest.raises(VaelineError, match="batch_size = 37 leaves a batch with one of 1000"):
        objective(batch_size=37)
    with pytest.raises(VaelineError, match="factor is for one stochastic layer, and this model has 2"):
        objective()(vae(model={"name": "two_layer"}), shown(4), 1.0)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"gamma": -1.0}, "objective.factor.gamma = -1.0 is not allowed"),
        ({"depth": 0}, "objective.factor.depth = 0 is not allowed"),
    ],
    ids=str,
)
def test_a_bad_option_is_one_line(options, line):
    with pytest.raises(VaelineError) as caught:
        OBJECTIVES.parse({"name": "factor", "factor": options})
    assert line in str(caught.value)
