"""Updates that are no numbers: skipped, counted, and too many of them stop the training."""

import contextlib
import copy
import math

import pytest
import torch
from torch import nn

from tests.support.small import config, digits
from tests.support.trainings import VALID, FromFunction, N, equal, failing, started, trained, weights
from vaeline.core.errors import VaelineError
from vaeline.training.fit import fit
from vaeline.training.objectives.terms import Terms
from vaeline.training.optimizers.catalog import OPTIMIZERS
from vaeline.training.steps.tally import TrainingDivergedError


@pytest.mark.parametrize("kind", [math.nan, math.inf])
@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("optimizer", list(OPTIMIZERS))
def test_update_that_is_not_finite_changes_nothing(kind, batch_norm, optimizer):
    """Neither the weights nor what the optimizer remembers; the steps around it go on."""
    states = []

    def remember() -> None:
        states.append(copy.deepcopy((training.model.state_dict(), training.optimizer.state_dict()["state"])))

    params = config(network={"batch_norm": batch_norm}, epochs=1, optimizer={"name": optimizer})
    spoilt = failing(1, kind=kind)
    training = started(params, FromFunction(lambda *given: (remember(), spoilt(*given))[1]))
    (record,) = fit(training, digits(N), VALID, params)
    before, after = states[1], states[2]
    trainable = [name for name, _ in training.model.named_parameters()]
    assert all(torch.equal(before[0][name], after[0][name]) for name in trainable)
    assert equal(before[1], after[1])
    assert not equal(states[0], states[1])
    assert not equal(weights(training), after[0])
    assert record.skipped_updates == 1
    assert record.alerts[0].startswith("step 2: the loss is ")
    assert math.isfinite(record.valid_elbo)
    assert all(torch.isfinite(value).all() for value in training.model.state_dict().values())


def test_batch_that_is_not_finite_leaves_batch_norm_as_it_was():
    """Its running statistics are of the forward pass, which the optimizer cannot skip."""

    class Overflowing(nn.Module):
        def __init__(self, decoder: nn.Module) -> None:
            super().__init__()
            self.decoder, self.calls = decoder, 0

        def forward(self, z: torch.Tensor) -> torch.Tensor:
            self.calls += 1
            return self.decoder(z * (math.inf if self.calls == 2 else 1))

    params = config(network={"batch_norm": True}, epochs=1)
    training = started(params)
    training.model.decoder = Overflowing(training.model.decoder)
    (record,) = fit(training, digits(N), VALID, params)
    assert record.skipped_updates == 1
    assert all(torch.isfinite(value).all() for value in training.model.state_dict().values())
    assert math.isfinite(record.valid_elbo)


def test_skipped_batches_do_not_enter_the_means():
    kept: list[torch.Tensor] = []
    spoilt = failing(1)

    def objective(*given: object) -> Terms:
        terms = spoilt(*given)
        if spoilt.step != 1:
            kept.append(terms.distortion.detach())
        return terms

    _, (record,) = trained(FromFunction(objective), epochs=1)
    assert record.train_recon == pytest.approx(torch.cat(kept).double().mean().item())
    assert record.skipped_updates == 1


def test_skipped_updates_are_counted_over_all_epochs():
    _, records = trained(failing(0, 4, 5), epochs=3)
    assert [record.skipped_updates for record in records] == [1, 3, 3]


def test_too_many_updates_that_are_not_finite_stop_the_training_with_advice():
    params = config(max_skipped_updates=2, epochs=5)
    with pytest.raises(TrainingDivergedError) as caught:
        list(fit(started(params, failing(*range(3, 100))), digits(N), VALID, params))
    message = str(caught.value)
    assert isinstance(caught.value, VaelineError)
    assert message.startswith("3 updates up to step 6 were NaN or infinite")
    for advice in ("max_skipped_updates", "learning_rate", "grad_clip", "log_var_max"):
        assert advice in message
    assert "\n" not in message


def test_training_continues_with_as_many_skipped_updates_as_allowed():
    _, records = trained(failing(0, 1), max_skipped_updates=2, epochs=1)
    assert records[-1].skipped_updates == 2


def test_an_epoch_without_a_single_update_does_not_report_a_loss_of_zero():
    """That would be the best loss there ever was."""
    with contextlib.suppress(TrainingDivergedError):
        _, records = trained(failing(0, 1, 2), epochs=1)
        assert records[0].train_loss != 0.0
