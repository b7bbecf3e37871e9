"""The prepared data beside a trained model: only those that it was trained on count."""

from types import SimpleNamespace

import pytest

from tests.support.small import vae
from vaeline.evaluation.trained import TrainedModel
from vaeline.serving import reference

DIGITS = {"name": "digits", "train_sha256": "12ab"}


@pytest.mark.parametrize(
    ("trained_on", "shape", "same"),
    [
        (DIGITS, (1, 8, 8), True),
        ({}, (1, 8, 8), True),  # a checkpoint of an earlier version does not say
        ({}, (1, 8, 9), False),
        (DIGITS | {"name": "sprites"}, (1, 8, 8), False),
        (DIGITS | {"train_sha256": "34cd"}, (1, 8, 8), False),
    ],
)
def test_data_of_another_training_are_not_taken_for_the_models_own(monkeypatch, trained_on, shape, same):
    data = SimpleNamespace(identity=DIGITS, shape=shape)
    monkeypatch.setattr(reference, "Prepared", SimpleNamespace(open=lambda: data))
    model = vae()
    model.trained_on = trained_on
    assert reference.training_data(TrainedModel(model)) is (data if same else None)
