from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaeline.training.schedules.kl import kl_weight

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
