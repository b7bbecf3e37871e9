"""Trainings that end before their last epoch, and epochs without a validation."""

import math

import pytest

from tests.support.small import config, digits
from tests.support.trainings import VALID, N, equal, started, trained, weights
from vaeline.training.fit import fit

WORSENING = {"learning_rate": 0.3, "epochs": 12}  # so fast that the validation ELBO worsens again


def test_training_ends_when_patience_is_exhausted(capsys):
    _, whole = trained(**WORSENING)
    elbos = [record.valid_elbo for record in whole]
    _, records = trained(patience=2, **WORSENING)
    end = next(n for n in range(1, 13) if n - (elbos.index(max(elbos[:n])) + 1) == 2)
    assert end < 12  # or nothing is shown
    assert [record.valid_elbo for record in records] == elbos[:end]
    reason = (
        f"stopped after epoch {end}: the validation ELBO has not improved since epoch {end - 2} (patience: 2)"
    )
    assert [record.stopped for record in records] == [""] * (end - 1) + [reason]
    assert f"train: {reason}" in capsys.readouterr().err


def test_a_training_that_has_stopped_does_not_go_on():
    stopped, _ = trained(patience=2, **WORSENING)
    params = config(patience=2, **WORSENING)
    resumed = started(params)
    resumed.load_state_dict(stopped.state_dict())
    assert list(fit(resumed, digits(N), VALID, params)) == []
    assert equal(resumed.state_dict(), stopped.state_dict())


def test_training_ends_with_the_epoch_it_is_to_stop_after_and_its_schedules_stay():
    schedule = {"epochs": 6, "lr_schedule": "cosine", "kl_warmup_epochs": 4, "val_every": 4}
    _, whole = trained(**schedule)
    _, records = trained(stop_after=3, **schedule)
    assert [r.learning_rate for r in records] == [r.learning_rate for r in whole[:3]]
    assert [r.train_loss for r in records] == [r.train_loss for r in whole[:3]]
    assert [r.validated for r in records] == [False, False, True]
    assert records[-1].stopped == "stopped after epoch 3 (stop_after: 3)"


def test_epochs_between_validations_train_the_same_and_the_last_is_validated():
    every, rarely = trained(epochs=5), trained(epochs=5, val_every=3)
    assert equal(weights(every[0]), weights(rarely[0]))
    assert [record.validated for record in rarely[1]] == [False, False, True, False, True]
    for full, sparse in zip(every[1], rarely[1], strict=True):
        assert sparse.train_loss == full.train_loss
        assert sparse == full or (math.isnan(sparse.valid_elbo) and math.isnan(sparse.valid_loss))


@pytest.mark.parametrize("schedule", ["constant", "plateau"])
def test_patience_is_counted_in_epochs_and_ends_at_a_validation(schedule):
    _, records = trained(patience=2, val_every=3, lr_schedule=schedule, **WORSENING)
    assert records[-1].stopped
    assert records[-1].epoch % 3 == 0
    assert records[-1].validated
