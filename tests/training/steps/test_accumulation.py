"""Several minibatches in an update: equal to one large minibatch, where the loss is a mean over images."""

import math

import pytest
import torch

from tests.support import small
from tests.support.small import config, digits, vae
from tests.support.trainings import VALID, FromFunction, N, equal, failing, started, trained, weights
from vaeline.training.fit import fit
from vaeline.training.state import Training
from vaeline.training.steps.accumulation import AccumulatedGradients, update_gradients
from vaeline.training.steps.compiled import CompiledGradients
from vaeline.training.steps.gradients import Gradients


def without_noise(model, x, beta, _noise):
    """The ELBO at z = μ: an objective that draws nothing."""
    objective = small.objective(config())
    return objective(model, x, beta, lambda shape, like: torch.zeros(shape, dtype=like.dtype))


def trained_in_order(batch_size: int, accumulate: int, **changes) -> tuple[Training, list[float]]:
    """Trains on images that are the same in every epoch; the last update of an epoch has fewer."""
    changes |= {"shuffle": False, "likelihood": {"bernoulli": {"binarization": "grey"}}}
    params = config(batch_size=batch_size, accumulate=accumulate, epochs=3, **changes)
    training = started(params, FromFunction(without_noise))
    records = list(fit(training, digits(N), VALID, params))
    return training, [value for r in records for value in (r.train_loss, r.learning_rate, r.beta, r.step)]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"batch_reduction": "sum", "learning_rate": 1e-4},
        {"grad_clip": 0.1, "lr_schedule": "cosine", "lr_warmup_epochs": 1, "kl_warmup_epochs": 2},
    ],
    ids=["mean", "sum", "clip-and-schedules"],
)
def test_update_is_that_of_one_large_minibatch(changes):
    """Minibatches of 20, 20 and 20 for one of 60; the last update has 10 images, in one minibatch."""
    small_ones, curve = trained_in_order(20, 3, **changes)
    large, expected = trained_in_order(60, 1, **changes)
    assert small_ones.step == large.step == 3 * 3
    assert curve == pytest.approx(expected, rel=1e-4)
    torch.testing.assert_close(weights(small_ones), weights(large), rtol=1e-3, atol=1e-5)


def test_minibatches_of_other_sizes_count_by_their_images():
    """The last update of an epoch has minibatches of 50 and 30."""
    small_ones, curve = trained_in_order(50, 3)
    large, expected = trained_in_order(150, 1)
    assert curve == pytest.approx(expected, rel=1e-4)
    torch.testing.assert_close(weights(small_ones), weights(large), rtol=1e-3, atol=1e-5)


def test_an_update_with_one_minibatch_that_is_not_finite_is_skipped_as_a_whole():
    params = config(accumulate=2, epochs=1)
    training = started(params, failing(1))
    before = weights(training)
    updates = iter(fit(training, digits(100), VALID, params))
    with pytest.raises(Exception, match="ends without a finite ELBO"):
        next(updates)  # its only update is skipped
    assert equal(weights(training), before)
    assert training.skipped == 1
    _, (record,) = trained(failing(1), accumulate=2, epochs=1)
    assert record.skipped_updates == 1
    assert math.isfinite(record.train_loss)


@pytest.mark.parametrize(("kind", "expected"), [("never", Gradients), ("always", CompiledGradients)])
def test_it_accumulates_whatever_computes_the_gradients_which_then_clips_nothing(kind, expected):
    params = config(accumulate=2, compile=kind, grad_clip=1.0)
    update = update_gradients(vae(), small.objective(params), params, 1)
    assert isinstance(update, AccumulatedGradients)
    assert type(update.compute) is expected
    assert update.compute.clip == 0
    assert update.clip == 1
