"""Each posterior with each prior, trained for a few steps on real digits."""

import pytest
import torch

from tests.support.small import SHAPE, config, digits, objective, shown, vae
from vaeline.data.prepared import Split
from vaeline.evaluation.estimators.bounds import elbo_terms, importance_bounds
from vaeline.evaluation.observing import start_from
from vaeline.models.posteriors.catalog import POSTERIORS
from vaeline.models.priors.catalog import PRIORS

STEPS = 30
COMBINED = [
    (posterior, prior)
    for posterior in POSTERIORS
    for prior in PRIORS
    if prior != "vamp" or posterior == "diagonal"
]


def trained(posterior: str, prior: str):
    torch.manual_seed(0)
    changes = {"posterior": {"name": posterior}, "prior": {"name": prior, "vamp": {"components": 20}}}
    model, loss = vae(SHAPE, **changes), objective(config(**changes))
    start_from(model, Split(digits(200).numpy(), torch.zeros(200).numpy()))
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        losses.append(loss(model, shown(200), 1.0).loss)
        losses[-1].backward()
        optimizer.step()
    return model.eval(), [value.item() for value in losses]


@pytest.mark.parametrize(("posterior", "prior"), COMBINED)
def test_each_combination_learns_and_its_bounds_are_in_order(posterior, prior):
    model, losses = trained(posterior, prior)
    assert losses[-1] < losses[0] - 1
    images = model.likelihood.evaluation_set(digits(100))
    elbo = elbo_terms(model, images, 20).elbo
    bounds = importance_bounds(model, images, (1, 50))
    assert (bounds.iwae - elbo).mean() > 0
    assert torch.isfinite(bounds.ess).all()
    single = (bounds.bounds[:, 0] - elbo).double()
    assert abs(single.mean()) < 5 * single.std() / len(single) ** 0.5
    assert model.sample(3).shape == (3, *SHAPE)
