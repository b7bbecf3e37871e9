"""Captured updates: equal to the others bit for bit, on a tape wherever there is no GPU."""

import copy
from typing import Any

import pytest
import torch

from tests.support import small
from tests.support.small import config, digits
from tests.support.tape import on_tape
from tests.support.trainings import VALID, FromFunction, N, equal, started, weights
from vaeline.core.progress import bar
from vaeline.models.catalog import MODELS
from vaeline.runtime.seeding import set_seed
from vaeline.training.build import build_objective
from vaeline.training.epoch import train_epoch
from vaeline.training.fit import fit
from vaeline.training.objectives.terms import Terms
from vaeline.training.record import Record
from vaeline.training.schedules.kl import BetaSchedule
from vaeline.training.state import Training
from vaeline.training.steps.accumulation import update_gradients
from vaeline.training.steps.batches import Batches
from vaeline.training.steps.captured import CapturedUpdate, updates_of
from vaeline.training.steps.tally import Tally
from vaeline.training.steps.updates import Update
from vaeline.training.steps.waiting import host_waits

EPOCHS = 5  # the last minibatch of an epoch, the only one of its size, is captured in the third
CHANGES: dict[str, dict[str, Any]] = {
    "adam": {"grad_clip": 1.0, "ema_decay": 0.9},
    "adamw": {"optimizer": {"name": "adamw"}, "weight_decay": 0.1},
    "soap": {"optimizer": {"name": "soap", "soap": {"every": 2}}, "weight_decay": 0.1},
    "iwae": {"objective": {"name": "iwae", "k": 3}},
    "two_layer": {"model": {"name": "two_layer"}},
    "batch_norm": {"network": {"name": "conv", "batch_norm": True}, "augment_flip": 0.5},
}


def trained_by(kind: type[Update], trained: Any = None, **changes: Any) -> tuple[Training, list[Any]]:
    """Trains on the CPU as on a GPU: by captured updates on a tape, or by plain ones."""
    params = config(epochs=EPOCHS, lr_schedule="linear", kl_warmup_epochs=2, compile="never", **changes)
    training = started(params, trained)
    training.optimizer.captured = True
    batches = Batches(training.model, digits(N), params)
    compute = update_gradients(training.model, training.objective, params, 1)
    options = {"capture": on_tape} if kind is CapturedUpdate else {}
    update, beta, means = kind(training, batches, compute, **options), BetaSchedule(params, 3), []
    for _ in range(EPOCHS):
        tally = Tally(training, 20, bar(disable=True))
        train_epoch(training, update, beta, tally)
        means.append((tally.means(), training.skipped, training.step))
    return training, means


@pytest.mark.parametrize("changes", CHANGES.values(), ids=CHANGES)
def test_captured_updates_are_the_others_bit_for_bit(changes):
    (one, means), (other, expected) = (trained_by(kind, **changes) for kind in (CapturedUpdate, Update))
    assert means == expected
    assert equal(one.state_dict(), other.state_dict())


def never_finite_in_the_second_epoch(model, x, beta, noise):
    beta = torch.as_tensor(beta)
    terms = small.objective(config())(model, x, beta, noise)
    bad = torch.where((beta > 0.3) & (beta < 0.8), torch.nan, 1.0)
    return Terms(terms.loss * bad, terms.distortion, terms.kl, terms.max_variance)


@pytest.mark.parametrize("changes", [CHANGES["adam"], CHANGES["soap"]], ids=["adam", "soap"])
def test_a_captured_update_that_is_not_finite_changes_nothing(changes):
    objective = FromFunction(never_finite_in_the_second_epoch)
    (one, means), (other, expected) = (
        trained_by(kind, objective, **changes | {"ema_decay": 0.0}) for kind in (CapturedUpdate, Update)
    )
    assert means == expected
    assert one.skipped == 3
    assert equal(weights(one), weights(other))
    assert all(value.isfinite().all() for value in weights(one).values())


def test_on_a_cpu_updates_are_not_captured():
    params = config()
    training = started(params)
    assert type(updates_of(training, Batches(training.model, digits(N), params), params, 1)) is Update


needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")


def on_gpu(epochs: int = EPOCHS, **changes: Any) -> tuple[Training, list[Record]]:
    params = config(
        **{"device": "cuda", "epochs": EPOCHS, "lr_schedule": "linear", "kl_warmup_epochs": 2} | changes
    )
    set_seed(0)
    model = MODELS.build(
        params.model, config=params, event_shape=small.SHAPE, classes=small.CLASSES, scaling=small.BYTES
    )
    training = Training.start(model.to("cuda"), build_objective(params, model.latent_dim, N), params, N)
    updates = fit(training, digits(N), VALID, params)
    return training, [record for record, _ in zip(updates, range(epochs), strict=False)]


@needs_gpu
@pytest.mark.parametrize("changes", CHANGES.values(), ids=CHANGES)
def test_on_a_gpu_captured_updates_are_the_others_bit_for_bit(changes):
    one, records = on_gpu(**changes)
    again, _ = on_gpu(**changes)
    other, expected = on_gpu(compile="never", **changes)
    assert equal(weights(one), weights(again))
    assert records == expected
    assert equal(weights(one), weights(other))


@needs_gpu
def test_on_a_gpu_a_training_continues_from_its_state_bit_for_bit():
    whole, _ = on_gpu(**CHANGES["soap"])
    torn, _ = on_gpu(epochs=4, **CHANGES["soap"])
    state = copy.deepcopy(torn.state_dict())
    params = config(device="cuda", epochs=EPOCHS, lr_schedule="linear", kl_warmup_epochs=2, **CHANGES["soap"])
    resumed, _ = on_gpu(epochs=0, **CHANGES["soap"])
    resumed.load_state_dict(state)
    list(fit(resumed, digits(N), VALID, params))
    assert equal(weights(whole), weights(resumed))


@needs_gpu
def test_on_a_gpu_compiled_steps_are_captured_too(capsys):
    _, records = on_gpu(compile="always")
    assert "not compiled" not in capsys.readouterr().err
    losses, expected = ([r.train_loss for r in found] for found in (records, on_gpu()[1]))
    assert losses == pytest.approx(expected, rel=1e-4)


@needs_gpu
@pytest.mark.parametrize("changes", CHANGES.values(), ids=CHANGES)
def test_on_a_gpu_no_captured_update_waits(changes):
    params = config(device="cuda", compile="auto", **changes)
    training, _ = on_gpu(epochs=0, **changes)
    update = updates_of(training, Batches(training.model, digits(N), params), params, 1)
    assert isinstance(update, CapturedUpdate)
    beta = BetaSchedule(params, 3)
    for epoch in range(EPOCHS):
        tally = Tally(training, 20, bar(disable=True))
        with host_waits(torch.device("cuda")) as waits:
            for minibatches in update.batches.updates(epoch):
                training.learning_rate.set(training.step)
                tally.add(update(minibatches, beta(training.step)))
        tally.read()
        if epoch > 2:
            assert waits == []
