"""The parts of the rate where they are known: extreme cases, quadrature, and a linear-Gaussian model."""

import math

import pytest
import torch
from torch import nn

from tests.support.linear_gaussian import D, LinearGaussian
from vaeline.evaluation.estimators import decomposition
from vaeline.evaluation.estimators.decomposition import decompose_rate
from vaeline.models.distributions.gaussians import diagonal_gaussian
from vaeline.models.inference import Inference, Layer


class Coded(nn.Module):
    """Image n, filled with the grey value n, has the posterior N(locs[n], scale²)."""

    def __init__(self, locs: torch.Tensor, scale: float) -> None:
        super().__init__()
        self.locs, self.scale = nn.Parameter(locs), scale

    def infer(self, x, k=1):
        loc = self.locs[(x.flatten(1)[:, 0] * 255).round().long()]
        q = diagonal_gaussian(loc, torch.full_like(loc, self.scale))
        prior = diagonal_gaussian(torch.zeros(loc.shape[1]), torch.ones(loc.shape[1]))
        return Inference((Layer(q, prior, q.rsample((k,))),), None)


def images(codes: int, copies: int) -> torch.Tensor:
    return torch.arange(codes, dtype=torch.uint8).repeat(copies).reshape(-1, 1, 1, 1)


def means(locs, scale, copies=400):
    parts = decompose_rate(Coded(torch.tensor(locs), scale), images(len(locs), copies), queries=10**6)
    values = parts.mutual_information, parts.total_correlation, parts.dimension_kl
    return [(v.mean().item(), v.std().item() / len(v) ** 0.5) for v in values]


def test_posteriors_far_apart_have_full_information_repeated_in_each_dimension():
    information, correlation, _ = means([[-5.0, -5.0], [5.0, 5.0]], 0.1)
    assert information[0] == pytest.approx(math.log(2), abs=1e-4)
    assert correlation[0] == pytest.approx(math.log(2), abs=1e-4)


def test_equal_posteriors_have_no_information_and_their_rate_is_mismatch_with_the_prior():
    information, correlation, mismatch = means([[1.0, 0.0]] * 3, 1.0, copies=1500)
    assert information[0] == pytest.approx(0, abs=1e-4)
    assert correlation[0] == pytest.approx(0, abs=1e-4)
    assert abs(mismatch[0] - 0.5) < 4 * mismatch[1]  # KL of N(1, 1) from N(0, 1)


def test_overlapping_posteriors_agree_with_numerical_integration():
    locs, scale = [[-0.6, -0.4], [0.5, 0.2], [0.3, -0.8]], 0.5
    axis = torch.linspace(-5, 5, 1001, dtype=torch.float64)
    posteriors = torch.distributions.Normal(torch.tensor(locs, dtype=torch.float64), scale)
    by_dimension = posteriors.log_prob(axis[:, None, None]).exp()  # [axis, code, dimension]
    joint = torch.einsum("an,bn->ab", by_dimension[..., 0], by_dimension[..., 1]) / 3
    marginals = by_dimension.mean(1)  # [axis, dimension]
    area, width = (axis[1] - axis[0]) ** 2, axis[1] - axis[0]
    entropy = -(joint * joint.log()).sum() * area
    correlation = -entropy - sum((m * m.log()).sum() * width for m in marginals.T)
    information = entropy - posteriors.entropy().sum(1).mean()
    prior = torch.distributions.Normal(0.0, 1.0).log_prob(axis)
    mismatch = sum((m * (m.log() - prior)).sum() * width for m in marginals.T)
    exact = [value.item() for value in (information, correlation, mismatch)]
    for (mean, error), value in zip(means(locs, scale), exact, strict=True):
        assert abs(mean - value) < 4 * error


def test_the_parts_add_up_to_the_kl():
    model, x = Coded(torch.randn(5, 3), 0.7), images(5, 600)
    parts = decompose_rate(model, x, queries=10**6)
    total = parts.mutual_information + parts.total_correlation + parts.dimension_kl
    kl = model.infer(x / 255).kl_terms().sum(1)
    assert abs((total - kl).mean()) < 4 * (total - kl).std() / len(total) ** 0.5


def test_models_with_several_layers_have_no_decomposition():
    class Doubled(Coded):
        def infer(self, x, k=1):
            layers = super().infer(x, k).layers
            return Inference(layers * 2, None)

    assert decompose_rate(Doubled(torch.randn(2, 2), 1.0), images(2, 5)) is None


def gaussian_images(n: int, covariance: torch.Tensor) -> torch.Tensor:
    """Returns n images x ~ N(0.5, covariance), rounded to the 256 greys, uint8 [n, 1, 1, D]."""
    x = torch.distributions.MultivariateNormal(torch.full((D,), 0.5), covariance).sample((n,))
    assert ((x > 0) & (x < 1)).float().mean() > 0.999  # hardly any pixel is clipped
    return (x * 255).round().clamp(0, 255).to(torch.uint8).reshape(n, 1, 1, D)


def test_the_parts_of_linear_gaussian_inference_agree_with_their_closed_forms():
    """q(z|x) = N(A(x − m) + shift, V), V diagonal, and x ~ N(m, C): then q(z) = N(shift, S = A C Aᵀ + V).

    Information is ½ log |S|/|V|, total correlation ½ (Σ log S_jj − log |S|), and the mismatch of a
    dimension ½ (S_jj + shift² − 1 − log S_jj).
    """
    model = LinearGaussian(diagonal=True, shift=0.3, stretch=0.4)
    with torch.no_grad():
        w = model.w.float()
        mixed = torch.linalg.qr(w).Q @ torch.tensor([[0.16, 0.0], [0.12, 0.10]])
        covariance = mixed @ mixed.T + 0.02**2 * torch.eye(D)
        basis = model.m.float() + torch.cat([torch.zeros(1, D), torch.eye(D)])
        means = model.q(
            basis.reshape(-1, 1, 1, D)
        ).mean.float()  # at m, and one unit away from it in each pixel
        v = model.q(basis.reshape(-1, 1, 1, D)).variance[0].float()
    a = (means[1:] - means[0]).T
    s = a @ covariance @ a.T + v.diag()
    correlation = 0.5 * (s.diag().log().sum() - s.logdet())
    information = 0.5 * (s.logdet() - v.log().sum())
    mismatch = 0.5 * (s.diag() + 0.3**2 - 1 - s.diag().log()).sum()

    parts = [decompose_rate(model, gaussian_images(2000, covariance), queries=600) for _ in range(12)]
    for name, exact in (
        ("mutual_information", information),
        ("total_correlation", correlation),
        ("dimension_kl", mismatch),
    ):
        means = torch.stack([getattr(part, name).mean() for part in parts])
        error = means.std() / len(parts) ** 0.5
        assert abs(means.mean() - exact) < 4 * error
        assert exact > 10 * error


def test_parts_do_not_depend_on_how_many_queries_are_taken_together(monkeypatch):
    locs = torch.tensor([[-1.0, 0.5], [1.0, 0.0], [0.3, -2.0]])
    parts = []
    for terms in (1, 10**9):
        monkeypatch.setattr(decomposition, "TERMS", terms)
        torch.manual_seed(0)
        parts.append(decompose_rate(Coded(locs, 0.7), images(len(locs), 20)))
    for name, values in vars(parts[0]).items():
        torch.testing.assert_close(values, getattr(parts[1], name), rtol=1e-6, atol=1e-6)
