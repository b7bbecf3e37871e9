"""The importance-weighted objective on probabilistic PCA, where evidence and posterior are known."""

import math

import pytest
import torch
from torch import nn

from tests.support import small
from tests.support.linear_gaussian import LATENT, LinearGaussian, images
from tests.support.small import config
from vaeline.core.errors import VaelineError
from vaeline.models.distributions.gaussians import diagonal_gaussian
from vaeline.models.inference import Inference, Layer

ESTIMATORS = ["standard", "stl", "dreg"]


class Amortized(LinearGaussian):
    """q is the exact posterior, moved and stretched by parameters of its own."""

    def __init__(self, move: float = 0.0, widen: float = 0.0) -> None:
        super().__init__(diagonal=True)
        self.move = nn.Parameter(torch.full((LATENT,), move, dtype=torch.float64))
        self.widen = nn.Parameter(torch.full((LATENT,), widen, dtype=torch.float64))

    def q(self, x):
        with torch.no_grad():
            exact = super().q(x).base_dist
        return diagonal_gaussian(exact.loc + self.move, exact.scale * self.widen.exp())

    def encoder_gradient(self):
        return torch.cat([self.move.grad, self.widen.grad])


def objective(estimator: str = "standard", k: int = 5, name: str = "iwae"):
    return small.objective(config(objective={"name": name, "k": k, "iwae": {"estimator": estimator}}))


def shown(n: int):
    x = images(n)
    return x, x.float() / 255


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("k", [1, 5])
def test_at_the_exact_posterior_the_loss_is_the_evidence_whatever_is_drawn(estimator, k):
    seen, x = shown(8)
    model = Amortized()
    loss = objective(estimator, k)(model, x, 1.0).loss
    assert -loss.item() == pytest.approx(model.evidence(seen).mean().item(), rel=1e-9)


@pytest.mark.parametrize("estimator", ["stl", "dreg"])
def test_at_the_exact_posterior_the_gradient_through_z_vanishes_draw_by_draw(estimator):
    model = Amortized()
    objective(estimator)(model, shown(8)[1], 1.0).loss.backward()
    assert model.encoder_gradient().abs().max() < 1e-6
    noisy = Amortized()
    objective("standard")(noisy, shown(8)[1], 1.0).loss.backward()
    assert noisy.encoder_gradient().abs().max() > 1e-3


def gradients(estimator: str, k: int, n: int = 4000) -> torch.Tensor:
    """The encoder's gradient at n images one by one: the same image, new noise, [n, 2 · LATENT]."""
    model = Amortized(move=0.3, widen=0.2)
    x = shown(1)[1].expand(n, -1, -1, -1)
    model.move = nn.Parameter(model.move.detach().expand(n, -1).clone())
    model.widen = nn.Parameter(model.widen.detach().expand(n, -1).clone())
    (n * objective(estimator, k)(model, x, 1.0).loss).backward()
    return torch.cat([model.move.grad, model.widen.grad], dim=1)


@pytest.mark.parametrize(("estimator", "k"), [("dreg", 1), ("dreg", 5), ("dreg", 20), ("stl", 1)])
def test_the_estimators_agree_on_the_gradient_and_have_less_noise(estimator, k):
    torch.manual_seed(0)
    state = torch.get_rng_state()
    plain = gradients("standard", k)
    torch.set_rng_state(state)  # the same image
    other = gradients(estimator, k)
    error = torch.sqrt((plain.var(0) + other.var(0)) / len(plain))
    assert ((plain.mean(0) - other.mean(0)).abs() < 4.5 * error).all()
    assert other.var(0).sum() < plain.var(0).sum()


def test_sticking_the_landing_is_biased_for_more_than_one_sample():
    torch.manual_seed(0)
    state = torch.get_rng_state()
    plain = gradients("standard", 5, n=20_000)
    torch.set_rng_state(state)
    stl = gradients("stl", 5, n=20_000)
    error = torch.sqrt((plain.var(0) + stl.var(0)) / len(plain))
    assert ((plain.mean(0) - stl.mean(0)).abs() > 6 * error).any()


def test_the_gradient_of_the_decoder_is_the_same_for_all():
    grads = []
    for estimator in ESTIMATORS:
        torch.manual_seed(0)
        model = Amortized(move=0.3)
        objective(estimator)(model, shown(8)[1], 1.0).loss.backward()
        grads.append(model.m.grad)
    for other in grads[1:]:
        torch.testing.assert_close(other, grads[0])


def test_the_terms_are_averages_over_the_draws_and_beta_weighs_the_ratio():
    torch.manual_seed(0)
    terms = objective(k=3)(Amortized(move=0.3), shown(4)[1], 0.5)
    torch.manual_seed(0)
    x = shown(4)[1]
    inference = Amortized(move=0.3).infer(x, 3)
    torch.testing.assert_close(terms.distortion, inference.distortion(x).mean(0))
    layer = inference.layers[0]
    ratio = layer.prior.log_prob(layer.sample) - layer.posterior.log_prob(layer.sample)
    by_hand = torch.logsumexp(0.5 * ratio - inference.distortion(x), 0) - math.log(3)
    assert terms.loss.item() == pytest.approx(-by_hand.mean().item())


def test_more_samples_make_the_elbo_steadier_and_the_iwae_bound_tighter():
    torch.manual_seed(0)
    x = shown(1)[1].expand(2000, -1, -1, -1)
    model = Amortized(move=0.3)
    one, five = (objective(name="elbo", k=k)(model, x, 1.0).distortion for k in (1, 5))
    assert (five.var() / one.var()).item() == pytest.approx(1 / 5, rel=0.2)
    assert objective(k=5)(model, x, 1.0).loss < objective(k=1)(model, x, 1.0).loss


def test_unsupported_estimators_are_rejected_in_one_line():
    with pytest.raises(VaelineError, match="free_bits"):
        small.objective(config(objective={"name": "iwae"}, free_bits=0.1))
    correlated = LinearGaussian(diagonal=False)
    with pytest.raises(VaelineError, match="need a Gaussian"):
        objective("stl")(correlated, shown(2)[1], 1.0)

    class TwoLayers(Amortized):
        def infer(self, x, k=1, noise=None):
            once = super().infer(x, k)
            return Inference((*once.layers, Layer(*vars(once.layers[0]).values())), once.likelihood)

    with pytest.raises(VaelineError, match="one stochastic layer"):
        objective("dreg")(TwoLayers(), shown(2)[1], 1.0)
