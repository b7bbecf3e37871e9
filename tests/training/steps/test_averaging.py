"""The moving average of the weights: what it is, and that it is what validation scores."""

import copy

import pytest
import torch

from tests.support.small import config, digits
from tests.support.trainings import VALID, N, after_each_update, equal, started, weights
from vaeline.evaluation.estimators.bounds import elbo_terms
from vaeline.models import checkpoints
from vaeline.runtime.seeding import own_noise
from vaeline.training.epoch import VALIDATION_SEED
from vaeline.training.fit import fit
from vaeline.training.steps.averaging import WeightAverage

DECAY = 0.7


@pytest.mark.parametrize(
    "changes", [{"network": {"batch_norm": True}}, {"model": {"name": "vq"}}], ids=["batch_norm", "vq"]
)
def test_it_is_the_recursion_over_updates_of_weights_and_running_statistics(changes):
    params = config(ema_decay=DECAY, epochs=2, **changes)
    training, seen = started(params), []
    after_each_update(training, lambda: seen.append(weights(training)))
    list(fit(training, digits(N), VALID, params))
    expected = seen[0]
    for after in seen[1:]:
        expected = {
            name: DECAY * expected[name] + (1 - DECAY) * value if value.is_floating_point() else value
            for name, value in after.items()
        }
    torch.testing.assert_close(dict(training.evaluated.state_dict()), expected)
    assert not equal(dict(training.evaluated.state_dict()), weights(training))


def test_updates_are_those_of_a_training_without_it():
    ends = []
    for decay in (0.0, DECAY):
        params = config(ema_decay=decay)
        training = started(params)
        list(fit(training, digits(N), VALID, params))
        ends.append(weights(training))
    assert equal(*ends)


def test_buffers_of_whole_numbers_are_copied():
    """An average of 3 with itself, rounded down from 2.9999998, would be 2."""
    model = torch.nn.BatchNorm1d(2)
    model.register_buffer("order", torch.arange(50))
    average = WeightAverage(model, 0.9)
    for _ in range(3):
        average.update(model)
    assert equal(dict(average.model.state_dict()), dict(model.state_dict()))


def test_the_average_is_validated_and_is_the_model_of_a_checkpoint(tmp_path):
    params = config(ema_decay=DECAY)
    training = started(params)
    record = list(fit(training, digits(N), VALID, params))[-1]
    state = {"config": params.to_dict(), "shape": [1, 8, 8], "classes": 10, "training": training.state_dict()}
    checkpoints.save_checkpoint(tmp_path / "last.pt", state)
    loaded = checkpoints.load(tmp_path / "last.pt")
    assert equal(dict(loaded.state_dict()), dict(training.evaluated.state_dict()))
    for model, same in ((loaded, True), (copy.deepcopy(training.model).eval(), False)):
        with own_noise(VALIDATION_SEED):
            elbo = elbo_terms(model, VALID).elbo.double().mean().item()
        assert (elbo == pytest.approx(record.valid_elbo, abs=1e-9)) is same
