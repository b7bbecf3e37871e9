import pytest
import torch
from torch import nn
from torch.distributions import Bernoulli, Independent

from tests.support.small import config, objective, shown, vae
from vaeline.models.distributions.gaussians import diagonal_gaussian
from vaeline.models.inference import Inference, Layer

X = torch.tensor([[1.0, 0.0], [0.0, 0.0]]).reshape(2, 1, 1, 2)
# KL of N(μ, 1) from N(0, 1) is μ²/2: by dimension 2 and 0 nats for the first image, 0 and 0.5 for the second.
MEANS = torch.tensor([[2.0, 0.0], [0.0, 1.0]])
KL = torch.tensor([[2.0, 0.0], [0.0, 0.5]])
# −log p of images of 2 pixels at probability ¼ for 1.
DISTORTION = -torch.tensor([[0.25 * 0.75], [0.75 * 0.75]]).log().flatten()


class Known(nn.Module):
    """A model whose terms one can work out by hand."""

    def infer(self, x: torch.Tensor, k: int = 1, noise=None) -> Inference:
        q = diagonal_gaussian(MEANS, torch.ones(2, 2))
        p = diagonal_gaussian(torch.zeros(2), torch.ones(2))
        likelihood = Independent(Bernoulli(probs=torch.full((k, 2, 1, 1, 2), 0.25)), 3)
        return Inference((Layer(q, p, q.rsample((k,))),), likelihood)


def terms(beta: float = 1.0, free_bits: float = 0.0):
    return objective(config(free_bits=free_bits))(Known(), X, beta)


@pytest.mark.parametrize("beta", [0.0, 0.3, 1.0, 4.0])
def test_the_loss_is_distortion_plus_beta_times_the_kl(beta):
    assert terms(beta).loss.item() == pytest.approx(DISTORTION.mean().item() + beta * 1.25)


def test_the_terms_are_those_of_each_image_and_dimension():
    seen = terms(beta=7.0)
    torch.testing.assert_close(seen.distortion, DISTORTION)
    torch.testing.assert_close(seen.kl, KL)
    assert seen.max_variance.item() == 1.0


@pytest.mark.parametrize(
    ("free_bits", "rate"),
    [
        (0.1, 1.0 + 0.25),  # the means over the batch, 1 and 0.25, both lie above
        (0.5, 1.0 + 0.5),  # clamped image by image it would be (2 + 0.5)/2 + (0.5 + 0.5)/2 = 1.75
        (3.0, 3.0 + 3.0),
    ],
)
def test_free_bits_clamp_the_batch_mean_of_each_dimension(free_bits, rate):
    assert terms(2.0, free_bits).loss.item() == pytest.approx(DISTORTION.mean().item() + 2.0 * rate)


def test_free_bits_leave_the_terms_as_they_are():
    torch.testing.assert_close(terms(1.0, free_bits=3.0).kl, KL)


def test_below_the_free_bits_the_kl_does_not_pull():
    model, x = vae(), shown(8)
    loss = objective(config(free_bits=1e3))(model, x, 1.0).loss
    free = torch.autograd.grad(loss, model.posterior.fc_log_var.bias)[0]
    torch.manual_seed(0)
    model = vae()
    loss = objective()(model, x, 0.0).loss
    without = torch.autograd.grad(loss, model.posterior.fc_log_var.bias)[0]
    torch.testing.assert_close(free, without)


def test_max_variance_is_the_largest_of_the_batch():
    model, x = vae(), shown(8)
    seen = objective()(model, x, 1.0)
    assert seen.max_variance.item() == model.encode(x).variance.max().item()


def test_a_drawn_kl_has_the_same_expectation_and_the_weights_gradient():
    """It is −log w averaged over the draws: Burda et al. (2016) train their VAE so."""
    drawn = objective(config(objective={"k": 20_000, "elbo": {"kl": "drawn"}}))
    torch.manual_seed(0)
    seen = drawn(Known(), X, 1.0)
    torch.manual_seed(0)
    log_weights = Known().infer(X, 20_000).log_weights(X)
    assert seen.loss.item() == pytest.approx(-log_weights.mean().item())
    error = log_weights.mean(1).std().item() / 20_000**0.5
    assert seen.loss.item() == pytest.approx(DISTORTION.mean().item() + 1.25, abs=4 * error)
    torch.testing.assert_close(seen.kl, KL)
