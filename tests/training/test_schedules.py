import math
from collections import Counter
from fractions import Fraction
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vaeline.training.schedules import LR_SCHEDULES, burda_factor, kl_weight

TOTAL = 100


def test_the_linear_warm_up_goes_from_zero_to_one_and_stays():
    assert [kl_weight(step, 20, TOTAL) for step in (0, 1, 10, 20, 21, 99)] == [0.0, 0.05, 0.5, 1.0, 1.0, 1.0]


@pytest.mark.parametrize("cycles", [1, 4])
def test_without_a_warm_up_the_weight_is_one_from_the_first_step(cycles):
    assert {kl_weight(step, 0, TOTAL, cycles) for step in range(TOTAL)} == {1.0}


def test_a_warm_up_may_end_within_a_step():
    assert kl_weight(2, 2.5, TOTAL) == 0.8
    assert kl_weight(3, 2.5, TOTAL) == 1.0


def test_the_cyclical_warm_up_starts_anew_in_each_equal_part():
    weights = [kl_weight(step, 10, TOTAL, cycles=4) for step in range(TOTAL)]
    assert weights[:25] == [min(1.0, step / 10) for step in range(25)]
    assert weights == weights[:25] * 4


def test_cycles_need_not_divide_the_steps():
    weights = [kl_weight(step, 10, TOTAL, cycles=3) for step in range(TOTAL)]
    restarts = [step for step in range(1, TOTAL) if weights[step] < weights[step - 1]]
    assert restarts == [34, 67]
    assert weights[34] == pytest.approx((34 - 100 / 3) / 10)


def rates(name: str, rate: float, steps: int) -> list[float]:
    """Returns the learning rate that each of `steps` updates uses."""
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=rate)
    scheduler = LR_SCHEDULES[name](optimizer, 1, steps)
    used = []
    for _ in range(steps):
        used.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
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
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=1e-3)
    scheduler = LR_SCHEDULES["burda"](optimizer, 5, 7)
    used = []
    for _ in range(5 * 7):
        used.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
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


@given(
    total=st.integers(1, 500),
    cycles=st.integers(1, 600),
    warmup=st.floats(1e-3, 600) | st.integers(1, 600),
)
def test_weight_of_the_kl_is_the_fraction_that_it_is_defined_as(total, cycles, warmup):
    for step in {*range(min(total, 20)), total // 2, total - 1}:
        within = Fraction(step) % Fraction(total, cycles)
        expected = min(Fraction(1), within / Fraction(warmup))
        assert kl_weight(step, warmup, total, cycles) == pytest.approx(float(expected), rel=1e-12)


def test_linear_warm_up_stays_at_one_after_the_last_step():
    assert kl_weight(TOTAL, 20, TOTAL) == kl_weight(TOTAL + 1, 20, TOTAL) == 1.0
