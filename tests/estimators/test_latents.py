import pytest
import torch
from torch import nn
from torch.distributions import Bernoulli, Independent, MultivariateNormal

from vaeline.divergences import diagonal_gaussian
from vaeline.estimators.latents import Latents, latents
from vaeline.models.inference import Inference, Layer


class Encoder(nn.Module):
    """q(z|x) = N(pixel · gains, diag variances): every statistic of its latents can be worked out."""

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


HALF_WHITE = torch.tensor([0, 255] * 50, dtype=torch.uint8).reshape(100, 1, 1, 1)
UNBIASED = 100 / 99  # of the variance of a pixel that is 0 or 1 by halves: ¼ · 100/99


def test_means_variances_and_kl_are_those_of_each_image():
    seen = latents(Encoder([2.0, 0.0], [0.5, 1.0]), HALF_WHITE)
    assert seen.mean[:2].tolist() == [[0.0, 0.0], [2.0, 0.0]]
    torch.testing.assert_close(seen.variance, torch.tensor([0.5, 1.0]).expand(100, 2))
    narrow = 0.5 * (0.5 - 1) - 0.5 * torch.tensor(0.5).log().item()
    assert seen.kl[0].tolist() == pytest.approx([narrow, 0.0])
    assert seen.kl[1].tolist() == pytest.approx([narrow + 2.0, 0.0])


@pytest.mark.parametrize(
    ("gain", "active"), [(0.0, False), (0.1975, False), (0.2005, True), (5.0, True), (-5.0, True)]
)
def test_a_unit_is_active_where_its_mean_varies_by_more_than_a_hundredth(gain, active):
    """The variance over images is gain²/4 · 100/99: the threshold of 0.01 lies at a gain of 0.199."""
    seen = latents(Encoder([gain], [0.3]), HALF_WHITE)
    assert seen.mean.var().item() == pytest.approx(gain**2 / 4 * UNBIASED)
    assert seen.active_units.tolist() == [active]


def test_the_aggregate_variance_is_the_variance_of_all_draws_together():
    model = Encoder([1.0, 3.0], [0.75, 0.2])
    seen = latents(model, HALF_WHITE)
    assert seen.aggregate_variance.tolist() == pytest.approx([0.25 + 0.75, 9 / 4 + 0.2])
    z = model.infer(HALF_WHITE / 255, 20_000).layers[0].sample.detach().flatten(0, 1)
    assert z.var(0).tolist() == pytest.approx(seen.aggregate_variance.tolist(), rel=0.02)


def test_the_aggregate_variance_averages_the_variances_of_all_images():
    variance = torch.tensor([[0.1, 2.0], [0.3, 4.0]])
    seen = Latents(torch.tensor([[1.0, 0.0], [3.0, 0.0]]), variance, kl=variance, sizes=(2,))
    assert seen.aggregate_variance.tolist() == pytest.approx([1.0 + 0.2, 3.0])


def test_every_image_is_seen_once_and_in_order_whatever_the_chunks(monkeypatch):
    whole = latents(Encoder([1.0, 3.0], [0.75, 0.2]), HALF_WHITE)
    monkeypatch.setattr("vaeline.estimators.latents.ROWS", 7)
    chunked = latents(Encoder([1.0, 3.0], [0.75, 0.2]), HALF_WHITE)
    for name in ("mean", "variance", "kl"):
        assert torch.equal(getattr(whole, name), getattr(chunked, name))


def test_without_a_closed_form_there_is_one_kl_term():
    seen = latents(Encoder([1.0, 3.0], [0.75, 0.2], full=True), HALF_WHITE)
    assert seen.mean.shape == (100, 2)
    assert seen.kl.shape == (100, 1)
