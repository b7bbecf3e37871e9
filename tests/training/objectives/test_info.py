"""InfoVAE's objective: the discrepancy against a double loop and closed forms, and what the weights do."""

import itertools
import math

import pytest
import torch

from tests.support import small
from tests.support.linear_gaussian import LinearGaussian, images
from tests.support.small import config, shown, vae
from vaeline.core.errors import VaelineError
from vaeline.models.distributions.gaussians import diagonal_gaussian
from vaeline.training.objectives.catalog import OBJECTIVES
from vaeline.training.objectives.info import KERNELS, squared_mmd


def objective(k: int = 1, free_bits: float = 0.0, batch_size: int = 50, **options: float | str):
    section = {"name": "info", "k": k, "info": options}
    return small.objective(config(objective=section, free_bits=free_bits, batch_size=batch_size))


def mmd(z: torch.Tensor, other: torch.Tensor, kernel: str, bandwidth: float = 1.0) -> torch.Tensor:
    return squared_mmd(z, other, KERNELS[kernel], bandwidth)


def double_loop(z, other, kernel: str, bandwidth: float) -> float:
    """Equation 3 of Gretton et al. (2012) as it is written, for rows [B, d]."""
    n, d = z.shape
    c = 2 * d * bandwidth

    def k(a, b) -> float:
        square = ((a - b) ** 2).sum().item()
        return c / (c + square) if kernel == "imq" else math.exp(-square / c)

    pairs = list(itertools.product(range(n), repeat=2))
    within = sum(k(rows[i], rows[j]) for rows in (z, other) for i, j in pairs if i != j) / (n * (n - 1))
    return within - 2 * sum(k(z[i], other[j]) for i, j in pairs) / n**2


@pytest.mark.parametrize("bandwidth", [0.3, 1.0, 5.0])
@pytest.mark.parametrize("kernel", list(KERNELS))
def test_agrees_with_a_double_loop_for_each_draw(kernel, bandwidth):
    z, other = torch.randn(2, 3, 6, 4, dtype=torch.float64)
    expected = [double_loop(z[k], other[k], kernel, bandwidth) for k in range(3)]
    assert mmd(z, other, kernel, bandwidth).tolist() == pytest.approx(expected, rel=1e-10)


def known(shift: torch.Tensor, scale: float, bandwidth: float) -> float:
    """MMD² of N(shift, scale²) from N(0, I) with the Gaussian kernel.

    For r ~ N(m, v) E exp(−r²/c) = √(c/(c + 2v)) exp(−m²/(c + 2v)); a difference of draws is such an r.
    """
    c = 2 * len(shift) * bandwidth

    def mean(m: torch.Tensor, v: float) -> float:
        return (math.sqrt(c / (c + 2 * v)) * (-m.square() / (c + 2 * v)).exp()).prod().item()

    none = torch.zeros_like(shift)
    return mean(none, 2 * scale**2) + mean(none, 2.0) - 2 * mean(shift, scale**2 + 1)


@pytest.mark.parametrize("rows", [2, 20])
@pytest.mark.parametrize(
    ("shift", "scale"), [(0.0, 1.0), (0.5, 1.0), (0.0, 0.4)], ids=["equal", "moved", "narrow"]
)
def test_is_unbiased_at_any_size_of_the_batch(shift, scale, rows):
    """Over many draws the mean is the closed form: zero for equal distributions, as no biased one is."""
    repetitions, d = 40_000 // rows, 3
    z, other = torch.randn(2, repetitions, rows, d, dtype=torch.float64)
    seen = mmd(shift + scale * z, other, "rbf", 0.5)
    exact = known(torch.full((d,), shift, dtype=torch.float64), scale, 0.5)
    error = (seen.std() / repetitions**0.5).item()
    assert abs(seen.mean().item() - exact) < 4 * error
    assert exact == pytest.approx(0, abs=1e-12) if (shift, scale) == (0.0, 1.0) else exact > 4 * error


@pytest.mark.parametrize("kernel", list(KERNELS))
@pytest.mark.parametrize("d", [2, 20])
def test_equal_distributions_are_told_from_shifted_ones(kernel, d):
    z, other = torch.randn(2, 200, 100, d)
    equal, moved = mmd(z, other, kernel), mmd(z + 0.5, other, kernel)
    assert abs(equal.mean()) < 4 * equal.std() / 200**0.5
    assert (moved > equal.std() * 4).float().mean() > 0.9


@pytest.mark.parametrize("kernel", list(KERNELS))
def test_its_gradient_is_that_of_its_value_and_points_to_the_prior(kernel):
    z = torch.randn(2, 4, 3, dtype=torch.float64, requires_grad=True)
    other = torch.randn(2, 4, 3, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda rows: mmd(rows, other, kernel, 0.7), (z,))
    shift = torch.ones(3, requires_grad=True)
    rows, prior = torch.randn(2, 50, 100, 3)
    mmd(rows + shift, prior, kernel).mean().backward()
    assert (shift.grad > 0).all()


def test_far_from_the_prior_only_the_inverse_multiquadratic_still_pulls():
    pull = {}
    for kernel in KERNELS:
        shift = torch.full((2,), 20.0, dtype=torch.float64, requires_grad=True)
        rows, prior = torch.randn(2, 1, 100, 2, dtype=torch.float64)
        mmd(rows + shift, prior, kernel).mean().backward()
        pull[kernel] = shift.grad.min().item()
    assert pull["imq"] > 1e-4
    assert abs(pull["rbf"]) < 1e-12


def loss(built, beta: float = 1.0, x=None) -> float:
    torch.manual_seed(3)
    model = vae()
    return built(model, shown(10) if x is None else x, beta).loss.item()


def parts(k: int = 1) -> tuple[float, float, float]:
    """Distortion, KL and MMD² of the same draws."""
    torch.manual_seed(3)
    seen = vae().infer(shown(10), k)
    z = seen.layers[0].sample
    discrepancy = mmd(z, torch.randn(z.shape), "imq").mean()
    return tuple(v.mean().item() for v in (seen.distortion(shown(10)), seen.kl_terms().sum(1), discrepancy))


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize(
    ("alpha", "lambd", "of_kl", "of_mmd"),
    [(0.0, 1.0, 1, 0), (0.0, 50.0, 1, 49), (1.0, 50.0, 0, 50), (0.5, 50.0, 0.5, 49.5), (-3.0, 4.0, 4, 0)],
)
def test_the_weights_are_those_of_equation_6(alpha, lambd, of_kl, of_mmd, k):
    distortion, kl, discrepancy = parts(k)
    for beta in (0.0, 1.0, 2.5):
        expected = distortion + beta * (of_kl * kl + of_mmd * discrepancy)
        assert loss(objective(k, alpha=alpha, lambd=lambd), beta) == pytest.approx(expected, rel=1e-5)


def test_at_alpha_0_and_lambda_1_it_is_the_elbo():
    assert loss(objective(alpha=0.0, lambd=1.0), 2.0) == pytest.approx(loss(small.objective(), 2.0))


def test_the_kernel_and_its_bandwidth_are_those_that_are_asked_for():
    built = [objective(lambd=1e3, **o) for o in ({}, {"kernel": "rbf"}, {"bandwidth": 0.1})]
    assert len({round(loss(each), 3) for each in built}) == 3


class Moved(LinearGaussian):
    """The exact posterior, moved by a parameter."""

    def __init__(self) -> None:
        super().__init__(diagonal=True)
        self.move = torch.nn.Parameter(torch.full((2,), 2.0, dtype=torch.float64))

    def q(self, x):
        exact = super().q(x).base_dist
        return diagonal_gaussian(exact.loc + self.move, exact.scale)


def test_training_brings_the_aggregate_posterior_back_to_the_prior():
    """The MMD alone, without any KL (α = 1): posteriors that were moved by 2 end around 0."""
    model, x = Moved(), images(200).float() / 255
    optimizer = torch.optim.Adam([model.move], lr=0.1)
    built = objective(alpha=1.0, lambd=1e6)
    for _ in range(100):
        optimizer.zero_grad()
        built(model, x, 1.0).loss.backward()
        optimizer.step()
    assert model.q(x).mean.mean(0).abs().max() < 0.3


def test_unsupported_choices_are_rejected_in_one_line():
    with pytest.raises(VaelineError, match=r"free_bits = 0\.1 has no meaning with objective\.name=info"):
        objective(free_bits=0.1)
    with pytest.raises(VaelineError, match="batch_size = 37 leaves a batch with one of 1000"):
        objective(batch_size=37)
    with pytest.raises(VaelineError, match="info is for one stochastic layer, and this model has 2"):
        objective()(vae(model={"name": "two_layer"}), shown(4), 1.0)
    assert torch.isfinite(objective()(LinearGaussian(diagonal=False), images(4).float() / 255, 1.0).loss)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"alpha": 0.2, "lambd": 0.5}, "alpha + lambd must be at least 1, found 0.7"),
        ({"alpha": 1.5}, "objective.info.alpha = 1.5 is not allowed"),
        ({"bandwidth": 0.0}, "objective.info.bandwidth = 0.0 is not allowed"),
        ({"kernel": "cubic"}, "objective.info.kernel = 'cubic' is not allowed"),
        ({"lambda": 5.0}, "unknown key 'objective.info.lambda' (did you mean 'lambd'?)"),
    ],
    ids=str,
)
def test_a_bad_option_is_one_line(options, line):
    with pytest.raises(VaelineError) as caught:
        OBJECTIVES.parse({"name": "info", "info": options})
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)
