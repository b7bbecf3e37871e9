import pytest
import torch

from tests.support import small
from tests.support.small import config, shown, vae
from vaeline.training.objectives.catalog import OBJECTIVES

B = 6


def objective(name: str):
    return small.objective(config(objective={"name": name}))


@pytest.mark.parametrize("beta", [0.0, 1.0, 4.0])
@pytest.mark.parametrize("name", list(OBJECTIVES))
def test_the_loss_is_a_finite_number_and_its_terms_belong_to_the_batch(name, beta):
    model, x = vae(), shown(B)
    terms = objective(name)(model, x, beta)
    assert terms.loss.shape == ()
    assert torch.isfinite(terms.loss)
    assert terms.distortion.shape == (B,)
    assert terms.kl.shape[0] == B
    assert terms.max_variance.shape == ()
    assert not terms.max_variance.requires_grad


@pytest.mark.parametrize("name", list(OBJECTIVES))
def test_gradient_reaches_every_parameter(name):
    model = vae()
    objective(name)(model, shown(B), 1.0).loss.backward()
    assert all(
        p.grad is not None and torch.isfinite(p.grad).all() and p.grad.any() for p in model.parameters()
    )


@pytest.mark.parametrize("name", list(OBJECTIVES))
def test_minimising_increases_the_likelihood_of_images(name):
    model, x = vae(), shown(50)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    losses, distortions = [], []
    for _ in range(60):
        terms = objective(name)(model, x, 1.0)
        optimizer.zero_grad()
        terms.loss.backward()
        optimizer.step()
        losses.append(terms.loss.item())
        distortions.append(terms.distortion.mean().item())
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])
    assert sum(distortions[-5:]) < 0.8 * sum(distortions[:5])


@pytest.mark.parametrize("name", list(OBJECTIVES))
def test_beta_may_be_a_tensor(name):
    model, x = vae(), shown(B)
    losses = []
    for beta in (2.0, torch.tensor(2.0)):
        torch.manual_seed(0)
        losses.append(objective(name)(model, x, beta).loss)
    assert torch.equal(*losses)
