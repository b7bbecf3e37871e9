"""A training that is stopped and goes on elsewhere ends with the same bits."""

import contextlib
import copy
import itertools
from collections.abc import Iterator

import pytest
import torch

from tests.support.small import config, digits
from tests.support.trainings import VALID, N, equal, started, trained
from vaeline.core.params import StageParams
from vaeline.training.fit import fit
from vaeline.training.record import Record
from vaeline.training.resume import Scratch
from vaeline.training.state import Training


def resumed(params: StageParams, stop: int) -> tuple[Training, list[Record]]:
    """Returns a training that ended after `stop` epochs, and went on in objects of its own."""
    first = started(params)
    records: Iterator[Record] = fit(first, digits(N), VALID, params)
    done = list(itertools.islice(records, stop))
    state = copy.deepcopy(first.state_dict())
    torch.manual_seed(999)  # the state of no generator is part of a training
    second = started(StageParams({**params.to_dict(), "seed": 77}))
    second.load_state_dict(state)
    return second, done + list(fit(second, digits(N), VALID, params))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"network": {"batch_norm": True}},
        {"network": {"name": "conv", "batch_norm": True}},
        {"model": {"name": "vq"}},
        {"lr_schedule": "cosine", "kl_warmup_epochs": 2.5},
        {"lr_schedule": "one_cycle", "kl_schedule": "cyclical", "kl_warmup_epochs": 1, "kl_cycles": 2},
        {"posterior": {"diagonal": {"log_var_bias": 8.0}}},  # raises an alert, once
        {"grad_clip": 1.0, "weight_decay": 1e-2, "free_bits": 0.1},
        {"objective": {"name": "factor"}},
        {"augment_flip": 0.5, "augment_shift": 1, "augment_crop": 1},
        {"ema_decay": 0.7, "network": {"batch_norm": True}},
        {"ema_decay": 0.7, "model": {"name": "vq"}},
        {"accumulate": 2, "lr_schedule": "cosine", "lr_warmup_epochs": 2.5, "grad_clip": 1.0},
        {"optimizer": {"name": "adamw"}, "weight_decay": 1e-2},
        {"lr_schedule": "plateau", "lr_plateau_patience": 1, "learning_rate": 0.3},
        {"patience": 1, "learning_rate": 0.3},
        {"val_every": 2, "patience": 3},
    ],
    ids=lambda changes: "-".join(changes) or "default",
)
def test_a_resumed_training_ends_with_the_same_bits(changes):
    params = config(epochs=4, **changes)
    whole = started(params)
    expected = list(fit(whole, digits(N), VALID, params))
    for stop in (1, 3):
        training, records = resumed(params, stop)
        assert list(map(repr, records)) == list(map(repr, expected))  # where NaN is NaN
        assert equal(training.state_dict(), whole.state_dict())


def test_the_state_is_read_back_without_running_code(tmp_path):
    training, _ = trained(network={"batch_norm": True}, lr_schedule="one_cycle")
    torch.save(training.state_dict(), tmp_path / "state.pt")
    again = torch.load(tmp_path / "state.pt", weights_only=True)
    assert equal(again, training.state_dict())


def test_the_time_spent_is_counted_over_pauses(tmp_path):
    params = config(epochs=3)
    made_of = {"config": params.to_dict(), "shape": (1, 8, 8), "classes": 10}
    for stop in (1, 3):
        with contextlib.suppress(InterruptedError), Scratch.open(tmp_path, "key", made_of, 10) as scratch:
            training = started(params)
            records = scratch.resume(training)
            before = training.seconds
            for record in fit(training, digits(N), VALID, params):
                records.append(record)
                scratch.save(training, records)
                if training.epoch == stop < params.epochs:
                    raise InterruptedError
    assert 0 < before < training.seconds
