import math
from collections import Counter
from itertools import pairwise

import pytest
import torch
from torch.optim.lr_scheduler import ReduceLROnPlateau

from tests.support.small import config
from vaeline.core.errors import VaelineError
from vaeline.core.params import RISING_SCHEDULES, Hyperparameters, validated
from vaeline.training.schedules.learning_rate import LR_SCHEDULES, LearningRate, burda_factor


def learning_rate(name: str, updates: int, **changes: object) -> LearningRate:
    """Returns the learning rate of a training of so many `updates` an epoch."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))])
    return LearningRate(optimizer, config(lr_schedule=name, **changes), updates)


def rates(name: str, rate: float, steps: int, **changes: object) -> list[float]:
    """Returns the learning rate that each of `steps` updates, one epoch, uses."""
    of_update = learning_rate(name, steps, learning_rate=rate, **{"epochs": 1} | changes)
    used = []
    for step in range(steps):
        returned = of_update.set(step)
        used += [group["lr"] for group in of_update.optimizer.param_groups]
        assert used[-1] == returned
    return used


def test_the_constant_rate_is_constant():
    assert set(rates("constant", 0.01, 10)) == {0.01}


def test_the_cosine_falls_from_the_rate_to_zero():
    expected = [0.01 * (1 + math.cos(math.pi * step / 50)) / 2 for step in range(50)]
    assert rates("cosine", 0.01, 50) == pytest.approx(expected)


def test_one_cycle_rises_to_the_rate_and_falls_to_nearly_0():
    used = rates("one_cycle", 0.01, 101)
    top = used.index(max(used))
    assert used[0] == pytest.approx(0.01 / 25)
    assert used[top] == pytest.approx(0.01, rel=1e-3)
    assert top == pytest.approx(30, abs=1)
    assert used[: top + 1] == sorted(used[: top + 1])
    assert used[top:] == sorted(used[top:], reverse=True)
    assert used[-1] < 0.01 / 1e4


def test_linear_rises_over_a_twentieth_and_falls_in_a_line():
    used = rates("linear", 0.01, 100)
    assert used.index(max(used)) == 4
    assert max(used) == pytest.approx(0.01)
    falls = [before - after for before, after in pairwise(used[4:])]
    assert falls == pytest.approx([falls[0]] * len(falls))
    assert used[-1] < 0.01 / 1e4


def test_the_papers_stages_are_as_long_and_as_fast_as_published():
    """Burda et al. (2016): 3^i epochs at 1e-3, 7.2e-4 …, 3,280 in all."""
    lengths = Counter(round(1e-3 * burda_factor(epoch), 9) for epoch in range(3280))
    published = [1e-3, 7.2e-4, 5.2e-4, 3.7e-4, 2.7e-4, 1.9e-4, 1.4e-4, 1e-4]
    assert list(lengths) == pytest.approx(published)
    assert list(lengths.values()) == [3**i for i in range(8)]
    assert burda_factor(5000) == 0.1


def test_the_papers_rate_changes_only_between_epochs():
    of_update = learning_rate("burda", 7, learning_rate=1e-3, epochs=5)
    used = [of_update.set(step) for step in range(5 * 7)]
    assert used == pytest.approx([1e-3] * 7 + [7.2e-4] * 21 + [5.2e-4] * 7)


EVERY_SMALL_TOTAL = range(1, 61)
RISING = {"one_cycle": (0.3, "cos"), "linear": (0.05, "linear")}


@pytest.mark.parametrize("name", list(LR_SCHEDULES))
def test_every_rate_lies_between_0_and_the_largest_which_is_reached(name):
    for steps in EVERY_SMALL_TOTAL:
        used = rates(name, 0.01, steps)
        assert all(0 < rate <= 0.01 for rate in used), steps
        if name not in RISING or RISING[name][0] * steps <= 1:
            assert used[0] == 0.01, steps
        if steps > 20 or name not in RISING:
            assert max(used) == pytest.approx(0.01, rel=0.15), steps  # the top may lie between two steps


@pytest.mark.parametrize("name", list(RISING))
def test_rise_and_fall_is_pytorchs_one_cycle_where_that_is_defined(name):
    share, strategy = RISING[name]
    for steps in [steps for steps in EVERY_SMALL_TOTAL if share * steps > 1]:
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.01)
        peer = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, 0.01, steps, pct_start=share, anneal_strategy=strategy, cycle_momentum=False
        )
        expected = []
        for _ in range(steps):
            expected += peer.get_last_lr()
            optimizer.step()
            peer.step()
        assert rates(name, 0.01, steps) == pytest.approx(expected, rel=1e-9), steps


def test_linear_without_a_whole_step_to_rise_in_falls_in_a_line_from_the_rate():
    assert rates("linear", 0.01, 1) == [0.01]
    for steps in range(2, 21):
        expected = [0.01 + (4e-8 - 0.01) * step / (steps - 1) for step in range(steps)]
        assert rates("linear", 0.01, steps) == pytest.approx(expected), steps


def test_one_cycle_without_a_whole_step_to_rise_in_falls_from_the_rate():
    assert rates("one_cycle", 0.01, 1) == [0.01]
    assert rates("one_cycle", 0.01, 2) == pytest.approx([0.01, 4e-8])
    assert rates("one_cycle", 0.01, 3) == pytest.approx([0.01, (0.01 + 4e-8) / 2, 4e-8])


@pytest.mark.parametrize("steps", EVERY_SMALL_TOTAL)
def test_cosine_is_the_closed_form_at_every_small_total(steps):
    expected = [0.01 * (1 + math.cos(math.pi * step / steps)) / 2 for step in range(steps)]
    assert rates("cosine", 0.01, steps) == pytest.approx(expected)


def test_warm_up_rises_in_a_line_to_the_scheduled_rate():
    """The first update is not lost at a rate of 0, and the last of the warm-up has the whole rate."""
    line = [min(1.0, (step + 1) / 5) for step in range(20)]
    assert rates("constant", 0.01, 20, lr_warmup_epochs=0.25) == pytest.approx([0.01 * f for f in line])
    cosine = rates("cosine", 0.01, 20)
    warmed = rates("cosine", 0.01, 20, lr_warmup_epochs=0.25)
    assert warmed == pytest.approx([f * rate for f, rate in zip(line, cosine, strict=True)])


def test_warm_up_within_one_update_changes_nothing():
    assert rates("cosine", 0.01, 5, lr_warmup_epochs=0.1) == rates("cosine", 0.01, 5)


@pytest.mark.parametrize("name", RISING)
def test_a_schedule_that_rises_by_itself_takes_no_warm_up(name):
    with pytest.raises(VaelineError, match=f"lr_warmup_epochs = 2: lr_schedule = '{name}' rises by itself"):
        validated(Hyperparameters, {"lr_schedule": name, "lr_warmup_epochs": 2})
    assert set(RISING) == set(RISING_SCHEDULES)


@pytest.mark.parametrize("patience", [1, 2, 5])
def test_plateau_is_that_of_pytorch(patience):
    """An ELBO in steps, with ties: each is of an epoch, and counts from the next update on."""
    elbos = [
        round(float(v), 1) for v in torch.randn(40, generator=torch.Generator().manual_seed(1)).cummax(0)[0]
    ]
    elbos[20:] = [elbo - 0.1 * (i % 3) for i, elbo in enumerate(elbos[20:])]
    mine = learning_rate(
        "plateau", 3, learning_rate=0.01, lr_plateau_patience=patience, lr_plateau_factor=0.3
    )
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.01)
    peer = ReduceLROnPlateau(optimizer, "max", factor=0.3, patience=patience - 1, threshold=0.0, eps=0.0)
    for epoch, elbo in enumerate(elbos, start=1):
        mine.schedule.observe(epoch, elbo)
        peer.step(elbo)
        assert mine.set(3 * epoch) == pytest.approx(peer.get_last_lr()[0])
    assert 0 < peer.get_last_lr()[0] < 0.01
