"""The β-TCVAE against numerical integration, enumeration of minibatches, and Gaussians with known TC."""

import itertools
import math

import pytest
import torch
from torch import nn
from torch.distributions import Bernoulli, Categorical, Independent, MixtureSameFamily, Normal

from tests.support import small
from tests.support.linear_gaussian import LinearGaussian, images
from tests.support.small import config
from vaeline.core.errors import VaelineError
from vaeline.models.distributions.gaussians import diagonal_gaussian
from vaeline.models.inference import Inference, Layer
from vaeline.training.objectives.beta_tc import aggregate, log_weights

N = 7
LOCS = torch.randn(N, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
SCALES = torch.linspace(0.3, 0.9, N * 3, dtype=torch.float64).reshape(N, 3)


class Coded(nn.Module):
    """Image n, filled with the number n, has the posterior N(locs[n], scales[n]²); p(x|z) knows no z."""

    def __init__(self, locs: torch.Tensor, scales: torch.Tensor) -> None:
        super().__init__()
        self.locs, self.scales = nn.Parameter(locs.clone()), nn.Parameter(scales.clone())

    def infer(self, x: torch.Tensor, k: int = 1, noise=None) -> Inference:
        codes = x.flatten().long()
        q = diagonal_gaussian(self.locs[codes], self.scales[codes])
        zeros = torch.zeros(self.locs.shape[1], dtype=self.locs.dtype)
        likelihood = Independent(Bernoulli(probs=torch.full((k, len(x), 1, 1, 1), 0.5)), 3)
        likelihood.log_prob = lambda _: torch.zeros(k, len(x), dtype=self.locs.dtype)
        return Inference((Layer(q, diagonal_gaussian(zeros, zeros + 1), q.rsample((k,))),), likelihood)


def codes(*numbers: int) -> torch.Tensor:
    return torch.tensor(numbers, dtype=torch.float64).reshape(-1, 1, 1, 1)


def objective(images: int = 1000, k: int = 1, free_bits: float = 0.0, batch_size: int = 50, **weights: float):
    section = {"name": "beta_tc", "k": k, "beta_tc": weights}
    return small.objective(config(objective=section, free_bits=free_bits, batch_size=batch_size), images)


def layer(*batch: int, z: torch.Tensor | None = None) -> Layer:
    seen = Coded(LOCS, SCALES).infer(codes(*batch)).layers[0]
    return Layer(seen.posterior, seen.prior, seen.sample if z is None else z)


def exact(z: torch.Tensor, locs=LOCS, scales=SCALES) -> tuple[torch.Tensor, torch.Tensor]:
    """log q(z) and Σ_j log q(z_j) of the mixture over all images, by torch's own mixtures."""
    mix = Categorical(torch.ones(len(locs), dtype=torch.float64))
    joint = MixtureSameFamily(mix, Independent(Normal(locs, scales), 1)).log_prob(z)
    marginals = [
        MixtureSameFamily(mix, Normal(locs[:, j], scales[:, j])).log_prob(z[..., j])
        for j in range(locs.shape[1])
    ]
    return joint, sum(marginals)


def test_with_all_images_in_the_batch_the_aggregate_is_exact():
    seen = layer(*range(N))
    for estimated, known in zip(aggregate(seen, N), exact(seen.sample), strict=True):
        torch.testing.assert_close(estimated, known)


@pytest.mark.parametrize("batch", [2, 3, 5])
def test_the_estimate_of_the_density_is_unbiased_over_all_minibatches(batch):
    """Each minibatch that holds the image of z, and each dimension alone: the means are q(z) and q(z_j)."""
    z = torch.randn(1, 1, 3, dtype=torch.float64)
    others = list(itertools.combinations([n for n in range(N) if n != 2], batch - 1))
    for dims in ([0, 1, 2], [0], [1], [2]):
        densities = []
        for chosen in others:
            seen = layer(2, *chosen)
            q = diagonal_gaussian(seen.posterior.mean[:, dims], seen.posterior.stddev[:, dims])
            drawn = z[..., dims].expand(1, batch, -1)
            densities.append(aggregate(Layer(q, q, drawn), N)[0][0, 0].exp())
        known = exact(z[..., dims], LOCS[:, dims], SCALES[:, dims])[0].exp()
        torch.testing.assert_close(torch.stack(densities).mean(), known[0, 0])


def test_it_is_the_papers_estimator_averaged_over_the_order_of_the_batch():
    """Appendix C.2: 1/N for the own image, 1/M for M − 1 of the others and (N − M)/(NM) for the last."""
    images, others = 10, 4
    density = torch.rand(others + 1, dtype=torch.float64)
    estimates = []
    for order in itertools.permutations(density[1:]):
        *first, last = order
        weight = (images - others) / (images * others)
        estimates.append(density[0] / images + sum(first) / others + weight * last)
    weights = log_weights(others + 1, images).double().exp()
    assert (weights[0] @ density).item() == pytest.approx((sum(estimates) / len(estimates)).item())
    assert weights.sum(1).tolist() == pytest.approx([1.0] * 5)


def test_the_own_image_is_on_the_diagonal():
    """Peers put its weight 1/N into the first column: wrong for every image but the first."""
    weights = log_weights(4, 1000).exp()
    assert weights.diagonal().tolist() == pytest.approx([1 / 1000] * 4)
    assert weights[~torch.eye(4, dtype=torch.bool)].tolist() == pytest.approx([999 / 3000] * 12)


def integrated() -> tuple[float, float, float]:
    """MI, TC and dimension-wise KL of the first two dimensions of the mixture, on a grid, in nats."""
    axis = torch.linspace(-6, 6, 1201, dtype=torch.float64)
    width = (axis[1] - axis[0]).item()
    one = Normal(LOCS[:, :2], SCALES[:, :2])
    density = one.log_prob(axis[:, None, None]).exp()  # [axis, image, dimension]
    joint = torch.einsum("an,bn->ab", density[..., 0], density[..., 1]) / N
    marginals = density.mean(1)  # [axis, dimension]
    entropy = -torch.xlogy(joint, joint).sum().item() * width**2
    correlation = -entropy - torch.xlogy(marginals, marginals).sum().item() * width
    misfit = (torch.xlogy(marginals, marginals) - marginals * Normal(0.0, 1.0).log_prob(axis)[:, None]).sum()
    return entropy - one.entropy().sum(1).mean().item(), correlation, misfit.item() * width


@pytest.mark.parametrize("part", range(3), ids=["alpha", "beta", "gamma"])
def test_each_weight_is_that_of_its_part(part):
    """The slope of the loss in α, β and γ, on batches of all images, is what numerical integration gives."""
    model, repetitions = Coded(LOCS[:, :2], SCALES[:, :2]), 40
    slopes = []
    for _ in range(repetitions):
        state = torch.get_rng_state()
        losses = []
        for weight in (0.0, 1.0):
            torch.set_rng_state(state)
            alpha, beta, gamma = (weight if i == part else 1.0 for i in range(3))
            losses.append(
                objective(N, k=250, alpha=alpha, gamma=gamma)(model, codes(*range(N)), beta).loss.item()
            )
        slopes.append(losses[1] - losses[0])
    slopes = torch.tensor(slopes)
    assert abs(slopes.mean() - integrated()[part]) < 4 * slopes.std() / repetitions**0.5
    assert slopes.std() / repetitions**0.5 < 0.02


@pytest.mark.parametrize("k", [1, 3])
def test_with_equal_weights_the_loss_is_that_of_the_elbo_whatever_the_batch(k):
    """Not in expectation only: what the estimator gets wrong of one part, it takes from the others."""
    x = small.shown(10)
    for factor in (1.0, 2.5):
        losses = []
        for built in (
            objective(k=k, alpha=factor, gamma=factor),
            small.objective(config(objective={"k": k})),
        ):
            torch.manual_seed(3)
            losses.append(built(small.vae(), x, factor).loss.item())
        assert losses[0] == pytest.approx(losses[1], rel=1e-6)


def test_over_random_minibatches_the_drawn_parts_add_up_to_the_rate():
    """log q(z|x) − log q(z), log q(z) − Σ log q(z_j) and Σ log q(z_j)/p(z_j): their sum has no bias."""
    totals = []
    kl = Coded(LOCS, SCALES).infer(codes(*range(N))).kl_terms().sum(1).mean().item()
    for _ in range(3000):
        seen = layer(*torch.randperm(N)[:3].tolist())
        joint, marginals = aggregate(seen, N)
        information = seen.posterior.log_prob(seen.sample) - joint
        parts = information, joint - marginals, marginals - seen.prior.log_prob(seen.sample)
        totals.append(sum(part.mean().item() for part in parts))
    totals = torch.tensor(totals)
    assert abs(totals.mean() - kl) < 4 * totals.std() / len(totals) ** 0.5


def biases(locs, scales, batch: int, repetitions: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Estimated less exact log q(z) and Σ_j log q(z_j), averaged over minibatches, with standard errors."""
    model, differences = Coded(locs, scales), []
    for _ in range(repetitions):
        seen = model.infer(codes(*torch.randperm(len(locs))[:batch].tolist())).layers[0]
        pairs = zip(aggregate(seen, len(locs)), exact(seen.sample, locs, scales), strict=True)
        differences.append(torch.stack([(estimated - known).mean() for estimated, known in pairs]))
    seen = torch.stack(differences).detach()
    return seen.mean(0), seen.std(0) / repetitions**0.5


def test_the_bias_of_the_logarithms_is_downward_and_falls_with_the_batch():
    locs = torch.randn(64, 3, dtype=torch.float64)
    scales = torch.full_like(locs, 0.4)
    means = []
    for batch in (4, 16, 48):
        mean, error = biases(locs, scales, batch, 300)
        assert (mean < -3 * error).all()
        means.append(mean)
    assert (means[0] < means[1]).all()
    assert (means[1] < means[2]).all()
    assert (means[2] > -0.05).all()


def test_the_total_correlation_of_a_linear_gaussian_model_is_the_closed_form():
    """μ = A x of Gaussian x, constant σ: q(z) is N(0, A Aᵀ + σ² I) and TC = ½ (Σ log Σ_jj − log det Σ)."""
    mixing = torch.tensor([[1.2, 0.0], [1.1, 0.4]], dtype=torch.float64)
    sigma, repetitions = 0.5, 40
    covariance = mixing @ mixing.T + sigma**2 * torch.eye(2, dtype=torch.float64)
    known = 0.5 * (covariance.diagonal().log().sum() - covariance.logdet()).item()
    seen = []
    for _ in range(repetitions):
        locs = torch.randn(600, 2, dtype=torch.float64) @ mixing.T
        q = diagonal_gaussian(locs, torch.full_like(locs, sigma))
        joint, marginals = aggregate(Layer(q, q, q.rsample((1,))), 10**6)
        seen.append((joint - marginals).mean().item())
    seen = torch.tensor(seen)
    # 600 images stand for a million: Jensen's inequality is worth some thousandths here.
    assert abs(seen.mean() - known) < 4 * seen.std() / repetitions**0.5 + 0.01
    assert seen.std() / repetitions**0.5 < 0.01
    assert known > 0.3


def test_gradient_is_that_of_the_value():
    eps = torch.randn(2, 4, 3, dtype=torch.float64)

    def loss(locs: torch.Tensor, scales: torch.Tensor) -> torch.Tensor:
        class Fixed(Coded):
            def infer(self, x, k=1, noise=None):
                seen = super().infer(x, k)
                q = diagonal_gaussian(locs, scales)
                return Inference((Layer(q, seen.layers[0].prior, locs + scales * eps),), seen.likelihood)

        return objective(50, k=2, alpha=0.5, gamma=2.0)(Fixed(LOCS, SCALES), codes(0, 1, 2, 3), 6.0).loss

    inputs = [values[:4].clone().requires_grad_() for values in (LOCS, SCALES)]
    assert torch.autograd.gradcheck(loss, inputs)


def test_more_draws_are_averaged():
    model, x = Coded(LOCS, SCALES), codes(0, 3, 5, 6)
    loss = objective(N, k=3)(model, x, 4.0).loss.item()
    torch.manual_seed(0)
    inference = model.infer(x, 3)
    one = inference.layers[0]
    alone = [aggregate(Layer(one.posterior, one.prior, one.sample[[i]]), N) for i in range(3)]
    correlation = sum((joint - marginals).mean().item() for joint, marginals in alone) / 3
    assert loss == pytest.approx(inference.kl_terms().sum(1).mean().item() + 3 * correlation)


def test_minimising_makes_dimensions_independent():
    """Posteriors along a line tell the same in both dimensions: β = 20 drives that apart, β = 1 does not."""
    start = torch.linspace(-2, 2, 40, dtype=torch.float64)[:, None].expand(-1, 2)
    left = {}
    for beta in (1.0, 20.0):
        model = Coded(start, torch.full((40, 2), 0.5, dtype=torch.float64))
        optimizer = torch.optim.Adam([model.locs], lr=0.02)
        built = objective(40, alpha=0.0, gamma=1.0)
        for _ in range(150):
            optimizer.zero_grad()
            built(model, codes(*torch.randperm(40)[:20].tolist()), beta).loss.backward()
            optimizer.step()
        with torch.no_grad():
            z = model.infer(codes(*range(40)), 200).layers[0].sample
            joint, marginals = exact(z, model.locs, model.scales)
        left[beta] = (joint - marginals).mean().item()
    assert left[20.0] < 0.5 * left[1.0]
    assert math.isfinite(left[1.0])


def test_unsupported_choices_are_rejected_in_one_line():
    with pytest.raises(VaelineError, match=r"free_bits = 0\.1 has no meaning with objective\.name=beta_tc"):
        objective(free_bits=0.1)
    for batch_size in (1, 37):
        with pytest.raises(VaelineError, match=f"batch_size = {batch_size} leaves a batch with one of 1000"):
            objective(1000, batch_size=batch_size)
    with pytest.raises(VaelineError, match="beta_tc is for one stochastic layer, and this model has 2"):
        objective()(small.vae(model={"name": "two_layer"}), small.shown(4), 1.0)
    x = images(2).float() / 255
    with pytest.raises(VaelineError, match="beta_tc needs posterior and prior to be diagonal Gaussians"):
        objective()(LinearGaussian(diagonal=False), x, 1.0)
    assert torch.isfinite(objective()(LinearGaussian(diagonal=True), x, 1.0).loss)
