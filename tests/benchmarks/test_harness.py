import pytest

from benchmarks.harness import VAELINE, Contestant, Ratio, race


class Clock:
    """A clock that advances only while a contestant works."""

    def __init__(self):
        self.now, self.order = 0.0, []

    def __call__(self):
        return self.now

    def work(self, name, *seconds):
        calls = iter(seconds)

        def run():
            self.order.append(name)
            self.now += next(calls)

        return run


def raced(clock, ours, theirs, units=1.0):
    contestants = {
        VAELINE: Contestant(clock.work(VAELINE, *ours)),
        "peer": Contestant(clock.work("peer", *theirs), units),
    }
    return race("work", contestants, len(ours) - 1, clock)


def test_each_contestant_works_once_a_round_in_alternating_order_and_first_calls_are_kept_apart():
    clock = Clock()
    times = raced(clock, (9, 1, 2, 1), (8, 3, 3, 5))
    assert times.first == {VAELINE: 9, "peer": 8}
    assert times.rounds == {VAELINE: [1, 2, 1], "peer": [3, 3, 5]}
    assert clock.order == [VAELINE, "peer", "peer", VAELINE] * 2
    assert times.warm_up() == 8


def test_ratio_is_the_median_of_ratios_paired_by_round():
    ratio = raced(Clock(), (0, 1, 2, 4, 1, 1), (0, 3, 4, 4, 4, 5)).ratio("work", "peer", goal=3.0, images=7)
    assert (ratio.ratio, ratio.quartiles) == (3, (2, 4))  # of 3, 2, 1, 4, 5
    assert ratio.to_dict() == {
        "work": "work", "against": "peer", "ratio": 3, "spread": [2, 4], "goal": 3, "met": True,
        "rounds": 5, "seconds": 1, "seconds_against": 4, "images": 7,
    }  # fmt: skip


def test_times_are_per_unit_of_work():
    times = raced(Clock(), (0, 1), (0, 6), units=2)
    assert times.ratio("work", "peer").ratio == 3
    assert times.plus(VAELINE, 2).ratio("work", "peer").ratio == 1


@pytest.mark.parametrize(
    ("goal", "same", "met"), [(2, True, True), (2.1, True, False), (2, False, False), (None, True, None)]
)
def test_goal_is_met_by_the_median_if_both_results_are_the_same(goal, same, met):
    assert Ratio("work", "peer", 2.0, (1, 3), goal, same=same).met is met


def test_output_of_contestants_is_hidden(capsys):
    race("work", {VAELINE: Contestant(lambda: print("noise"))}, 1)
    assert "noise" not in "".join(capsys.readouterr())
