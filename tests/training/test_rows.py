"""Rows of numbers through the whole of a training: the bound is compared with an exact log p(x)."""

import numpy as np
import pytest
import torch
from torch.distributions import MultivariateNormal

from tests.support.small import config
from vaeline.data.catalog import DATASETS
from vaeline.data.prepared import Prepared
from vaeline.data.storing import store
from vaeline.evaluation.estimators.bounds import importance_bounds
from vaeline.evaluation.estimators.estimate import Estimate
from vaeline.evaluation.observing import evaluation_set, training_set
from vaeline.training.build import build
from vaeline.training.fit import fit
from vaeline.training.state import Training

D, LATENT, TEST = 4, 2, 200
NOISE = np.array([0.5, 0.8, 1.0, 0.6])
MEAN = np.array([0.0, 10.0, -3.0, 100.0])
W = np.random.default_rng(1).normal(size=(LATENT, D))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> Prepared:
    """Returns rows x = zW + mean + noise, z ~ N(0, I): factor analysis, whose evidence is known."""
    folder = tmp_path_factory.mktemp("rows")
    rng = np.random.default_rng(2)
    count = 10_000 + 100 + TEST
    rows = rng.normal(size=(count, LATENT)) @ W + MEAN + NOISE * rng.normal(size=(count, D))
    np.save(folder / "rows.npy", rows)
    section = {"name": "table", "path": str(folder / "rows.npy"), "valid_size": 100}
    section |= {"train_size": 10_000, "table": {"test_share": TEST / count}}
    return store(DATASETS.build(section, raw=folder), folder / "prepared")


def exact_evidence(prepared: Prepared) -> torch.Tensor:
    """Returns log p(x) of the test rows as the model observes them, [N], in nats."""
    x = prepared.scaling.original(prepared.test.values.astype(np.float64))
    density = MultivariateNormal(torch.tensor(MEAN), torch.tensor(W.T @ W + np.diag(NOISE**2)))
    return density.log_prob(torch.tensor(x)) + float(np.log(prepared.scaling.std).sum())


def test_a_model_of_linear_gaussian_rows_reaches_their_evidence(prepared):
    params = config(
        latent_dim=LATENT,
        epochs=12,
        batch_size=500,
        learning_rate=0.02,
        lr_schedule="cosine",
        network={"activation": "tanh", "mlp": {"depth": 1}},
        likelihood={"name": "gaussian", "gaussian": {"variance": "per_pixel", "scale": 1.0}},
    )
    model, objective = build(params, prepared)
    training = Training.start(model, objective, params, len(prepared.train))
    valid = evaluation_set(model, prepared.valid)
    for _ in fit(training, training_set(model, prepared.train), valid, params):
        pass
    bounds = importance_bounds(model.eval(), evaluation_set(model, prepared.test), (5000,))
    difference = Estimate.of(bounds.iwae - exact_evidence(prepared))
    assert difference.se < 0.015  # so that the two lines below say something
    assert difference.mean > -0.05
    assert difference.mean < 3 * difference.se  # no model exceeds the evidence on average
