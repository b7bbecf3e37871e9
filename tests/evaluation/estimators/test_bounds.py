"""The bounds of a model whose evidence is known, and against a plain loop in double precision."""

import numpy as np
import pytest
import torch
from torch import nn

from tests.support.linear_gaussian import LinearGaussian, images
from tests.support.small import digits, shown, vae
from vaeline.evaluation.chunks import DECODER_PIXELS, DECODER_ROWS, even_indices, rows_at_a_time
from vaeline.evaluation.estimators.bounds import (
    MOST_DRAWS,
    ImportanceBounds,
    compute_elbo,
    compute_iwae_bound,
    elbo_terms,
    importance_bounds,
    k_grid,
)
from vaeline.evaluation.estimators.estimate import Estimate
from vaeline.runtime.processes import each

N = 10
COPIES = 1000


@pytest.mark.parametrize("diagonal", [True, False])
def test_with_the_exact_posterior_every_weight_is_the_evidence(diagonal):
    model, x = LinearGaussian(diagonal), images(N)
    evidence = model.evidence(x)
    weights = model.infer(x.float() / 255, 30).log_weights(x.float() / 255)
    torch.testing.assert_close(weights, evidence.expand(30, N), rtol=1e-9, atol=1e-9)
    result = importance_bounds(model, x, (1, 7, 30))
    torch.testing.assert_close(result.bounds, evidence.unsqueeze(1).expand(N, 3), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(result.ess, torch.full((N,), 30.0, dtype=torch.float64))


def draws_of_elbo(model: nn.Module, x: torch.Tensor, n_samples: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns the mean of many estimates of the ELBO of each image, and the error of that mean."""
    draws = elbo_terms(model, x.repeat(COPIES, 1, 1, 1), n_samples).elbo.reshape(COPIES, len(x))
    return draws.mean(0), draws.std(0) / COPIES**0.5


def test_with_the_exact_posterior_the_elbo_is_the_evidence():
    without_closed_form, x = LinearGaussian(diagonal=False), images(N)
    torch.testing.assert_close(elbo_terms(without_closed_form, x).elbo, without_closed_form.evidence(x))
    with_closed_form = LinearGaussian(diagonal=True)
    mean, error = draws_of_elbo(with_closed_form, x)
    assert ((mean - with_closed_form.evidence(x)) / error).abs().max() < 4


@pytest.mark.parametrize("n_samples", [1, 16])
@pytest.mark.parametrize("diagonal", [True, False])
def test_the_elbo_is_the_evidence_minus_the_kl_to_the_exact_posterior(diagonal, n_samples):
    model, x = LinearGaussian(diagonal, shift=0.1, stretch=1.7), images(N)
    mean, error = draws_of_elbo(model, x, n_samples)
    assert ((mean - model.elbo(x)) / error).abs().max() < 4
    assert (model.elbo(x) < model.evidence(x)).all()


def test_the_elbo_is_less_noisy_with_more_draws():
    model, x = LinearGaussian(diagonal=True, stretch=1.5), images(N)
    errors = [draws_of_elbo(model, x, n)[1].mean().item() for n in (1, 16)]
    assert errors[1] == pytest.approx(errors[0] / 4, rel=0.1)


@pytest.mark.parametrize("diagonal", [True, False])
def test_iwae_is_between_elbo_and_evidence_and_rises_with_k(diagonal):
    model, x = LinearGaussian(diagonal, shift=0.15, stretch=0.6), images(400)
    ks = (1, 3, 10, 30, 500)
    result = importance_bounds(model, x, ks)
    gaps = [Estimate.of(model.evidence(x) - result.bounds[:, i]) for i in range(len(ks))]
    assert all(gap.mean > -4 * gap.se for gap in gaps)
    steps = [Estimate.of(result.bounds[:, i + 1] - result.bounds[:, i]) for i in range(len(ks) - 1)]
    assert all(step.mean > 2 * step.se for step in steps), steps
    # IWAE-1 is an ELBO, and IWAE-500 nearly the evidence.
    first = Estimate.of(result.bounds[:, 0] - model.elbo(x))
    assert abs(first.mean) < 4 * first.se
    assert gaps[-1].mean < 0.05 * gaps[0].mean
    assert (result.ess < 500).all()


class Scripted(nn.Module):
    """A model of one image whose log weights are given, and handed out in order."""

    def __init__(self, log_weights: torch.Tensor) -> None:
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(()))
        self.remaining = log_weights

    def infer(self, x: torch.Tensor, k: int) -> "Scripted":
        self.current, self.remaining = self.remaining[:k], self.remaining[k:]
        return self

    def log_weights(self, x: torch.Tensor) -> torch.Tensor:
        return self.current.unsqueeze(1).expand(-1, len(x))


@pytest.mark.parametrize("shift", [0.0, -1e4, 1e4])
@pytest.mark.parametrize("rows", [DECODER_ROWS, 2, 1])
@pytest.mark.parametrize(
    ("weights", "ess"),
    [([1.0, 2.0, 3.0, 4.0], 100 / 30), ([1.0] * 4, 4.0), ([1e-30, 5.0, 1e-30, 1e-30], 1.0)],
)
def test_bound_and_effective_sample_size_of_known_weights(monkeypatch, weights, ess, rows, shift):
    monkeypatch.setattr("vaeline.evaluation.chunks.DECODER_ROWS", rows)
    weights = torch.tensor(weights, dtype=torch.float64)
    image = torch.zeros(1, 1, 8, 8, dtype=torch.uint8)
    result = importance_bounds(Scripted(weights.log() + shift), image, (1, 3, 4))
    expected = torch.stack([weights[:k].mean().log() + shift for k in (1, 3, 4)])
    torch.testing.assert_close(result.bounds[0], expected, rtol=1e-12, atol=1e-12)
    assert result.ess.item() == pytest.approx(ess, rel=1e-8)


class Counting(nn.Module):
    """A model that records how many rows it is given at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(()))
        self.rows: list[int] = []

    def infer(self, x: torch.Tensor, k: int) -> "Counting":
        self.rows.append(k * len(x))
        self.shape = k, len(x)
        return self

    def log_weights(self, x: torch.Tensor) -> torch.Tensor:
        return torch.zeros(self.shape)


@pytest.mark.parametrize("k", [1, 64, 100, 128, 200, 5000])
def test_draws_are_made_in_as_few_calls_as_rows_allow_however_many_ks_there_are(k):
    model, count = Counting(), DECODER_ROWS // min(k, MOST_DRAWS)
    importance_bounds(model, torch.zeros(count, 1, 28, 28, dtype=torch.uint8), k_grid(k))
    full, rest = divmod(k * count, DECODER_ROWS)
    assert model.rows == [DECODER_ROWS] * full + [rest] * (rest > 0)


@pytest.mark.parametrize("copies", [1, DECODER_ROWS // MOST_DRAWS + 6])
def test_samples_in_several_chunks_give_the_bound_and_sample_size_of_all(copies):
    """K = 5,000 exceeds the rows of a chunk; many images need several chunks of images as well."""
    log_weights = 3 * torch.randn(2 * 5000, dtype=torch.float64) - 90
    image = torch.zeros(copies, 1, 8, 8, dtype=torch.uint8)
    ks = (1, 20, 2500, 5000)
    result = importance_bounds(Scripted(log_weights), image, ks)
    chunks = result.bounds.split(DECODER_ROWS // MOST_DRAWS)
    for bounds, own in zip(chunks, log_weights.split(5000), strict=False):
        expected = torch.stack([own[:k].exp().mean().log() for k in ks])
        torch.testing.assert_close(bounds, expected.expand(len(bounds), 4), rtol=1e-12, atol=1e-12)
    w = log_weights[:5000].exp()
    assert result.ess[0].item() == pytest.approx((w.sum() ** 2 / w.square().sum()).item(), rel=1e-10)


def test_with_five_thousand_samples_an_inexact_q_gives_the_evidence():
    model, x = LinearGaussian(diagonal=True, shift=0.15, stretch=1.7), images(100)
    result = importance_bounds(model, x, k_grid(5000))
    difference = result.iwae - model.evidence(x)
    assert abs(difference.mean()) < 4 * difference.std() / 100**0.5
    # To second order, the variance of the bound around the evidence is 1/ESS − 1/K.
    expected = (1 / result.ess - 1 / 5000).mean().sqrt()
    assert difference.std().item() == pytest.approx(expected.item(), rel=0.3)


def test_the_last_doubling_is_the_gain_from_the_second_half_of_the_samples():
    bounds = torch.tensor([[-9.0, -7.0, -4.0, -3.5]])
    assert ImportanceBounds((1, 2, 5, 10), bounds, torch.ones(1)).last_doubling.tolist() == [0.5]
    assert ImportanceBounds((1, 2, 32, 64), bounds, torch.ones(1)).last_doubling.tolist() == [0.5]
    assert ImportanceBounds((1,), bounds[:, :1], torch.ones(1)).last_doubling.tolist() == [0.0]


def test_even_indices_cover_the_whole_set():
    assert even_indices(9, 3).tolist() == [0, 4, 8]
    assert even_indices(4, 100).tolist() == [0, 1, 2, 3]
    assert len(set(even_indices(10_000, 1000).tolist())) == 1000


@pytest.mark.parametrize("k", [1, 100, 5000])
def test_memory_does_not_grow_with_k(k):
    model = Counting()
    importance_bounds(model, torch.zeros(150, 1, 1, 1, dtype=torch.uint8), (k,))
    assert sum(model.rows) == 150 * k
    assert max(model.rows) <= DECODER_ROWS


@pytest.mark.parametrize(
    ("shape", "rows"),
    [((1, 1, 1), 2048), ((1, 8, 8), 2048), ((1, 28, 28), 2048), ((1, 28, 29), 1977), ((3, 64, 64), 130)],
)
def test_larger_images_are_decoded_fewer_at_a_time(shape, rows):
    """At most as many pixels as in 2,048 images of MNIST, and at least one image."""
    assert rows_at_a_time(shape) == rows
    assert rows * np.prod(shape) <= 2048 * 784
    assert rows_at_a_time((3, 5000, 5000)) == 1


@pytest.mark.parametrize("k", [1, 100, 500])
def test_memory_does_not_grow_with_the_size_of_an_image(k):
    model, images = Counting(), torch.zeros(40, 3, 256, 256, dtype=torch.uint8)
    importance_bounds(model, images, (k,))
    assert sum(model.rows) == 40 * k
    assert max(model.rows) * images[0].numel() <= DECODER_PIXELS


def test_iwae_agrees_with_a_plain_loop_in_double_precision():
    model, x = vae().eval(), shown(20)
    torch.manual_seed(1)
    result = importance_bounds(model, digits(20) // 128 * 255, (1, 3, 10))
    torch.manual_seed(1)
    with torch.no_grad():
        w = each([1], lambda _: model.infer(x, 10).log_weights(x).double().numpy())[0]
    for column, k in enumerate((1, 3, 10)):
        for image in range(20):
            terms = [np.exp(w[j, image] - w[0, image]) for j in range(k)]
            assert result.bounds[image, column].item() == pytest.approx(np.log(sum(terms) / k) + w[0, image])
            if k == 10:
                ess = sum(terms) ** 2 / sum(term**2 for term in terms)
                assert result.ess[image].item() == pytest.approx(ess)


@pytest.mark.parametrize("rows", [1, 7, N, DECODER_ROWS])
def test_images_are_scored_once_and_in_order_for_any_chunk_size(monkeypatch, rows):
    monkeypatch.setattr("vaeline.evaluation.chunks.DECODER_ROWS", rows)
    model, x = LinearGaussian(diagonal=False), images(N)
    evidence = model.evidence(x)  # which every draw gives exactly, so that chunks do not matter
    torch.testing.assert_close(elbo_terms(model, x, n_samples=3).elbo, evidence)
    torch.testing.assert_close(importance_bounds(model, x, (2,)).bounds[:, 0], evidence)
    expected = Estimate.of(evidence)
    for estimate in (compute_elbo(model, x, n_samples=3), compute_iwae_bound(model, x, K=2)):
        assert estimate.mean == pytest.approx(expected.mean)
        assert estimate.se == pytest.approx(expected.se)


def test_rate_and_distortion_are_the_two_terms_of_the_elbo():
    model, x = LinearGaussian(diagonal=True), images(N)
    terms = elbo_terms(model, x)
    q = model.q(x.float() / 255)
    expected = 0.5 * (q.mean.square() + q.variance - 1 - q.variance.log()).sum(1)
    torch.testing.assert_close(terms.rate, expected.detach())
    torch.testing.assert_close(terms.elbo, -terms.distortion - terms.rate)


@pytest.mark.parametrize("training", [True, False])
def test_the_mode_and_gradients_of_the_model_are_unchanged(training):
    model = vae(network={"batch_norm": True}).train(training)
    elbo_terms(model, digits(10))
    importance_bounds(model, digits(10), (2,))
    assert model.training is training
    assert all(p.grad is None for p in model.parameters())


def test_the_grid_of_k_includes_k_and_its_half():
    assert k_grid(1) == (1,)
    assert k_grid(2) == (1, 2)
    assert k_grid(3) == (1, 2, 3)
    assert k_grid(64) == (1, 2, 5, 10, 20, 32, 50, 64)
    assert k_grid(100) == (1, 2, 5, 10, 20, 50, 100)
    assert k_grid(5000) == (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 2500, 5000)


def test_monte_carlo_error_is_the_deviation_of_the_bound_over_draws():
    """The same image many times: what its bounds differ by is due to the draws alone."""
    model, x = LinearGaussian(diagonal=False, stretch=1.5), images(1).repeat(2000, 1, 1, 1)
    bounds = importance_bounds(model, x, (100,))
    assert bounds.monte_carlo_error.mean().item() == pytest.approx(bounds.iwae.std().item(), rel=0.1)
    assert importance_bounds(LinearGaussian(diagonal=False), x[:2], (5,)).monte_carlo_error.max() < 1e-3
