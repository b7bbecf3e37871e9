"""DIP-VAE's objective: the aggregate's covariance against closed forms and draws, and what the weights do."""

import pytest
import torch

from tests.support import small
from tests.support.linear_gaussian import LinearGaussian, Mixed, images
from tests.support.small import config, shown, vae
from vaeline.core.errors import VaelineError
from vaeline.models.distributions.gaussians import diagonal_gaussian
from vaeline.models.inference import Layer
from vaeline.training.objectives.catalog import OBJECTIVES
from vaeline.training.objectives.dip import aggregate_covariance


def objective(k: int = 1, free_bits: float = 0.0, batch_size: int = 50, **options: float | str):
    section = {"name": "dip", "k": k, "dip": options}
    return small.objective(config(objective=section, free_bits=free_bits, batch_size=batch_size))


def posteriors(means: torch.Tensor, scales: torch.Tensor) -> Layer:
    q = diagonal_gaussian(means, scales)
    return Layer(q, diagonal_gaussian(torch.zeros_like(means), torch.ones_like(scales)), q.sample((1,)))


def test_the_covariance_of_few_posteriors_is_the_one_written_down():
    """Means (1, 0), (−1, 0), (0, 2), (0, −2): variances 1/2 and 2, and nothing between them."""
    means = torch.tensor([[1.0, 0], [-1, 0], [0, 2], [0, -2]]) + 5
    layer = posteriors(means, torch.tensor([[0.5, 1.0]]).expand(4, 2))
    torch.testing.assert_close(aggregate_covariance(layer, False), torch.tensor([[0.5, 0], [0, 2.0]]))
    torch.testing.assert_close(aggregate_covariance(layer, True), torch.tensor([[0.75, 0], [0, 3.0]]))


def test_covariance_is_that_of_draws_from_the_aggregate_posterior():
    torch.manual_seed(0)
    mix = torch.tensor([[1.0, 0.8], [0.0, 0.5]], dtype=torch.float64)
    means = torch.randn(20, 2, dtype=torch.float64) @ mix
    layer = posteriors(means, 0.3 + torch.rand(20, 2, dtype=torch.float64))
    n = 40_000
    z = layer.posterior.sample((n,)).flatten(0, 1)
    torch.testing.assert_close(aggregate_covariance(layer, True), z.T.cov(), atol=4 * 3 / n**0.5, rtol=0)


def test_the_exact_posterior_of_all_images_has_the_covariance_of_the_prior():
    """Where q(z|x) is exact and x is drawn from the model, q(z) = p(z): C = I, by closed form in W and σ."""
    model, n = LinearGaussian(diagonal=True), 20_000
    z = torch.randn(n, 2, dtype=torch.float64)
    x = model.decode(z).sample()
    layer = model.infer(x).layers[0]
    eye = torch.eye(2, dtype=torch.float64)
    error = 4 * (2 / n) ** 0.5
    torch.testing.assert_close(aggregate_covariance(layer, True), eye, atol=error, rtol=0)
    shrunk = eye - layer.posterior.variance[0].diag()  # of the means alone: I minus the posterior's
    torch.testing.assert_close(aggregate_covariance(layer, False), shrunk, atol=error, rtol=0)


def loss(built, beta: float = 1.0) -> float:
    torch.manual_seed(3)
    return built(vae(), shown(10), beta).loss.item()


@pytest.mark.parametrize("variant", ["i", "ii"])
@pytest.mark.parametrize(("off", "on"), [(0.0, 0.0), (7.0, 0.0), (0.0, 5.0), (7.0, 5.0)])
def test_the_weights_are_those_of_the_paper(variant, off, on):
    torch.manual_seed(3)
    q = vae().encode(shown(10))
    covariance = q.mean.T.cov(correction=0)
    if variant == "ii":
        covariance = covariance + torch.diag(q.variance.mean(0))
    pairs = [(i, j) for i in range(3) for j in range(3)]
    expected = sum(off * covariance[i, j].item() ** 2 for i, j in pairs if i != j)
    expected += sum(on * (covariance[i, i].item() - 1) ** 2 for i in range(3))
    for beta in (0.0, 1.0, 2.5):
        built = objective(variant=variant, off_diagonal=off, diagonal=on)
        assert loss(built, beta) - loss(small.objective(), beta) == pytest.approx(expected, abs=2e-4)


@pytest.mark.parametrize("variant", ["i", "ii"])
def test_training_brings_the_covariance_to_that_of_the_prior(variant):
    model, x = Mixed(), images(200).float() / 255
    optimizer = torch.optim.Adam([model.mix], lr=0.02)
    built = objective(variant=variant, off_diagonal=1e5, diagonal=1e5)
    for _ in range(300):
        optimizer.zero_grad()
        built(model, x, 1.0).loss.backward()
        optimizer.step()
    covariance = aggregate_covariance(model.infer(x).layers[0], variant == "ii")
    torch.testing.assert_close(covariance, torch.eye(2, dtype=torch.float64), atol=0.05, rtol=0)


def test_unsupported_choices_are_rejected_in_one_line():
    with pytest.raises(VaelineError, match=r"free_bits = 0\.1 has no meaning with objective\.name=dip"):
        objective(free_bits=0.1)
    with pytest.raises(VaelineError, match="batch_size = 37 leaves a batch with one of 1000"):
        objective(batch_size=37)
    with pytest.raises(VaelineError, match="dip is for one stochastic layer, and this model has 2"):
        objective()(vae(model={"name": "two_layer"}), shown(4), 1.0)
    with pytest.raises(VaelineError, match="dip needs posterior and prior to be diagonal Gaussians"):
        objective()(LinearGaussian(diagonal=False), images(4).float() / 255, 1.0)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"variant": "iii"}, "objective.dip.variant = 'iii' is not allowed"),
        ({"diagonal": -1.0}, "objective.dip.diagonal = -1.0 is not allowed"),
    ],
    ids=str,
)
def test_a_bad_option_is_one_line(options, line):
    with pytest.raises(VaelineError) as caught:
        OBJECTIVES.parse({"name": "dip", "dip": options})
    assert line in str(caught.value)
