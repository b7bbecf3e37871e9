import numpy as np
import pytest
import torch
from torch import nn
from torch.distributions import Bernoulli, Distribution, Independent, MultivariateNormal

from tests.support.small import digits, vae
from vaeline.evaluation.estimators.latents import (
    ACTIVITY_DRAWS,
    Latents,
    active_units_of_one_draw,
    measure_latents,
)
from vaeline.models.catalog import MODELS
from vaeline.models.distributions.gaussians import diagonal_gaussian
from vaeline.models.inference import Inference, Layer
from vaeline.models.posteriors.catalog import POSTERIORS


class Encoder(nn.Module):
    """q(z|x) = N(pixel · gains, diag variances), so that all statistics of the latents are known."""

    def __init__(self, gains: list[float], variances: list[float], full: bool = False) -> None:
        super().__init__()
        self.gains = nn.Parameter(torch.tensor(gains))
        self.variances, self.full = torch.tensor(variances), full

    def infer(self, x: torch.Tensor, k: int = 1) -> Inference:
        mean = x.flatten(1)[:, :1] * self.gains
        q = diagonal_gaussian(mean, self.variances.sqrt().expand_as(mean))
        if self.full:
            q = MultivariateNormal(mean, torch.diag(self.variances))
        d = len(self.variances)
        p = diagonal_gaussian(torch.zeros(d), torch.ones(d))
        likelihood = Independent(Bernoulli(logits=torch.zeros(k, *x.shape)), 3)
        return Inference((Layer(q, p, q.rsample((k,))),), likelihood)


ROUNDING = 1e-6  # of a mean of 4,000 equal numbers, since codes are not random
HALF_WHITE = torch.tensor([0, 255] * 50, dtype=torch.uint8).reshape(100, 1, 1, 1)
UNBIASED = 100 / 99  # the variance of a pixel that is half of the time 0 and half 1 is ¼ · 100/99


def test_means_variances_and_kl_are_those_of_each_image():
    measured = measure_latents(Encoder([2.0, 0.0], [0.5, 1.0]), HALF_WHITE)
    assert measured.mean[:2].tolist() == [[0.0, 0.0], [2.0, 0.0]]
    torch.testing.assert_close(measured.variance, torch.tensor([0.5, 1.0]).expand(100, 2))
    narrow = 0.5 * (0.5 - 1) - 0.5 * torch.tensor(0.5).log().item()
    assert measured.kl[0].tolist() == pytest.approx([narrow, 0.0])
    assert measured.kl[1].tolist() == pytest.approx([narrow + 2.0, 0.0])


@pytest.mark.parametrize(
    ("gain", "active"), [(0.0, False), (0.1975, False), (0.2005, True), (5.0, True), (-5.0, True)]
)
def test_a_unit_is_active_if_the_variance_of_its_mean_exceeds_a_hundredth(gain, active):
    """The variance over images is gain²/4 · 100/99: the threshold of 0.01 is at a gain of 0.199."""
    measured = measure_latents(Encoder([gain], [0.3]), HALF_WHITE)
    assert measured.mean.var().item() == pytest.approx(gain**2 / 4 * UNBIASED)
    assert measured.active_units.tolist() == [active]


def test_the_aggregate_variance_is_that_of_draws_for_all_images():
    model = Encoder([1.0, 3.0], [0.75, 0.2])
    measured = measure_latents(model, HALF_WHITE)
    assert measured.aggregate_variance.tolist() == pytest.approx([0.25 + 0.75, 9 / 4 + 0.2])
    z = model.infer(HALF_WHITE / 255, 20_000).layers[0].sample.detach().flatten(0, 1)
    assert z.var(0).tolist() == pytest.approx(measured.aggregate_variance.tolist(), rel=0.02)


def test_the_aggregate_variance_averages_over_images():
    variance = torch.tensor([[0.1, 2.0], [0.3, 4.0]])
    means, exact = torch.tensor([[1.0, 0.0], [3.0, 0.0]]), torch.zeros(2, 2)
    measured = Latents(means, variance, noise=exact, kl=variance, sizes=(2,))
    assert measured.aggregate_variance.tolist() == pytest.approx([1.0 + 0.2, 3.0])


def test_images_are_measured_once_and_in_order_for_any_chunk_size(monkeypatch):
    whole = measure_latents(Encoder([1.0, 3.0], [0.75, 0.2]), HALF_WHITE)
    monkeypatch.setattr("vaeline.evaluation.chunks.DECODER_ROWS", 7)
    chunked = measure_latents(Encoder([1.0, 3.0], [0.75, 0.2]), HALF_WHITE)
    for name in ("mean", "variance", "noise", "kl"):
        assert torch.equal(getattr(whole, name), getattr(chunked, name))


def test_without_a_closed_form_there_is_one_kl_term():
    measured = measure_latents(Encoder([1.0, 3.0], [0.75, 0.2], full=True), HALF_WHITE)
    assert measured.mean.shape == (100, 2)
    assert measured.kl.shape == (100, 1)


class Chain(nn.Module):
    """q(z₂|x) = N(a·x, s₂²) and q(z₁|x, z₂) = N(b·z₂ + c·x, s₁²): z₁ is N((ba + c)·x, s₁² + b²s₂²).

    With `states` off, q does not state its moments, like a flow.
    """

    def __init__(
        self, a: float, b: float, c: float, scales: tuple[float, float], states: bool = True
    ) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.tensor([a, b, c]))
        self.scales, self.states = torch.tensor(scales), states

    def layers(self, x: torch.Tensor, k: int = 1) -> tuple[Layer, ...]:
        a, b, c = self.weights
        pixel = x.flatten(1)[:, :1]
        second = diagonal_gaussian(a * pixel, self.scales[1].expand_as(pixel))
        z2 = second.rsample((k,))
        mean = b * z2 + c * pixel
        first = diagonal_gaussian(mean, self.scales[0].expand_as(mean))
        return self._layer(first, first.rsample()), self._layer(second, z2)

    def _layer(self, q: Distribution, z: torch.Tensor) -> Layer:
        return Layer(
            q if self.states else WithoutMoments(q), diagonal_gaussian(torch.zeros(1), torch.ones(1)), z
        )

    def infer(self, x: torch.Tensor, k: int = 1) -> Inference:
        return Inference(self.layers(x, k), Independent(Bernoulli(logits=torch.zeros(k, *x.shape)), 3))


class WithoutMoments(Distribution):
    """A distribution that has a density, but states no moments."""

    def __init__(self, of: Distribution) -> None:
        super().__init__(of.batch_shape, of.event_shape, validate_args=False)
        self.log_prob = of.log_prob


MANY = HALF_WHITE.repeat(20, 1, 1, 1)
N = len(MANY)


@pytest.mark.parametrize("states", [True, False])
@pytest.mark.parametrize(("a", "b", "c"), [(1.0, 2.0, 0.5), (0.0, 3.0, 1.0), (1.0, 1.0, -1.0)])
def test_a_layer_that_depends_on_a_draw_has_the_moments_over_all_draws(a, b, c, states):
    """By the law of total variance; within four standard errors of each estimate over 2,000 images."""
    measured = measure_latents(Chain(a, b, c, (0.7, 0.5), states), MANY)
    between = torch.tensor([b**2 * 0.25 + (0 if states else 0.49), 0 if states else 0.25])  # z₁, z₂
    total = torch.tensor([0.49 + b**2 * 0.25, 0.25])
    pixel = MANY.flatten(1) / 255
    errors = measured.mean - torch.cat([(b * a + c) * pixel, a * pixel], dim=1)
    assert (errors.mean(0).abs() <= 4 * (between / ACTIVITY_DRAWS / N).sqrt() + 1e-6).all()
    tolerance = 4 * (2 / (ACTIVITY_DRAWS - 1) / N) ** 0.5
    torch.testing.assert_close(measured.variance.mean(0), total, rtol=tolerance, atol=0)
    torch.testing.assert_close(measured.noise.mean(0), between / ACTIVITY_DRAWS, rtol=tolerance, atol=0)
    torch.testing.assert_close(errors.var(0), between / ACTIVITY_DRAWS, rtol=4 * (2 / N) ** 0.5, atol=1e-9)


@pytest.mark.parametrize("states", [True, False])
def test_the_noise_of_draws_does_not_make_a_unit_active(states):
    """The mean of z₁ over 256 draws has variance 25/256 > 0.01, although it is independent of x."""
    measured = measure_latents(Chain(0.0, 5.0, 0.0, (1.0, 1.0), states), MANY)
    assert measured.mean.var(0)[0] > 0.05
    assert measured.mean_variance.abs().max() < 4 * 26 / ACTIVITY_DRAWS * (2 / N) ** 0.5
    assert measured.active_units_by_layer == (0, 0)
    assert measured.aggregate_variance.tolist() == pytest.approx([26.0, 1.0], rel=0.02)


@pytest.mark.parametrize("states", [True, False])
def test_an_active_unit_is_detected_despite_the_noise_of_draws(states):
    """Var over x of E[z₁|x] is 0.3²/4 = 0.0225, and that of E[z₂|x] is 0."""
    measured = measure_latents(Chain(0.0, 2.0, 0.3, (1.0, 1.0), states), MANY)
    assert measured.mean_variance[0].item() == pytest.approx(
        0.0225, abs=4 * 5 / ACTIVITY_DRAWS * (2 / N) ** 0.5
    )
    assert measured.active_units_by_layer == (1, 0)


@pytest.mark.parametrize(
    ("name", "posterior"),
    [(name, posterior) for name in MODELS for posterior in POSTERIORS if name != "vq"] + [("vq", "diagonal")],
)
@torch.no_grad()
def test_the_moments_of_every_model_agree_with_its_draws(name, posterior):
    """The mean of each image within five standard errors of both estimates; the variance within a half."""
    built, count = vae(model={"name": name}, posterior={"name": posterior}).eval(), 4000
    measured = measure_latents(built, digits(6))
    drawn = torch.cat([layer.sample for layer in built.layers(digits(6) / 255, count)], dim=-1)
    error = (measured.noise + drawn.var(0) / count).sqrt()
    assert ((measured.mean - drawn.mean(0)).abs() < 5 * error + ROUNDING).all()
    assert ((measured.variance - drawn.var(0)).abs() < 0.5 * drawn.var(0) + ROUNDING).all()
    assert (measured.noise <= measured.variance / ACTIVITY_DRAWS * 1.0001).all()


def test_count_of_one_draw_is_the_authors():
    """A transcript of `get_units_variances` and of their threshold: np.var of E[z₂|z₁] at one drawn z₁.

    z₂ follows z₁, which is noise: of one draw it varies, and of many it does not. (In `Chain` the layer that
    depends on the other is the first.)
    """
    model = Chain(0.0, 0.15, 0.0, (1.0, 1.0))
    torch.manual_seed(0)
    drawn = model.infer(MANY.float() / 255).layers[0].posterior.mean.detach()[0].numpy()
    ordered = np.sort(np.var(drawn, axis=0))
    active = len(ordered) - np.searchsorted(ordered, 0.01)
    torch.manual_seed(0)
    assert active_units_of_one_draw(model, MANY) == (active, 0) == (1, 0)
    assert measure_latents(model, MANY).active_units_by_layer == (0, 0)


@pytest.mark.parametrize(("gain", "active"), [(0.1995, 0), (0.2005, 1)])
def test_count_of_one_draw_has_n_in_its_denominator(gain, active):
    """gain²/4 of a pixel that is half of the time 0 and half 1; with n − 1 both would be above 0.01."""
    assert measure_latents(Encoder([gain], [0.3]), HALF_WHITE).active_units.tolist() == [True]
    assert active_units_of_one_draw(Encoder([gain], [0.3]), HALF_WHITE) == (active,)
