"""Where time goes: the parts are measured around functions, and add up to the whole."""

import re
from types import SimpleNamespace

import pytest

from benchmarks import breakdown
from benchmarks.breakdown import (
    AT_MOST,
    ELSE,
    FUSED,
    OPTIMIZER,
    PARTS_OF_TIME,
    PRODUCTS,
    Stopwatch,
    breakdown_page,
)


def test_time_is_added_up_around_functions_which_stay_what_they_are(monkeypatch):
    clock = iter([0.0, 2.0, 10.0, 13.0])
    monkeypatch.setattr(breakdown.time, "perf_counter", lambda: next(clock))
    owner = SimpleNamespace(double=lambda x: 2 * x)
    plain, watch = owner.double, Stopwatch()
    with watch.around((owner, "double", "doubling")):
        assert [owner.double(1), owner.double(x=2)] == [2, 4]
    assert owner.double is plain
    assert watch.seconds == {"doubling": 5.0}


def test_parts_add_up_to_the_whole():
    watch = Stopwatch()
    watch.seconds |= {FUSED: 6.0, OPTIMIZER: 1.0}
    parts = breakdown._parts(watch, whole=10.0, alone=4.0, images=2)
    assert parts == {FUSED: 1.0, OPTIMIZER: 0.5, PRODUCTS: 2.0, ELSE: 1.5}
    assert sum(parts.values()) == pytest.approx(10 / 2)


def test_page_has_the_share_of_each_part(monkeypatch):
    monkeypatch.setattr(breakdown, "measured_where", lambda: {"commit": "0123456789", "machine": "a machine"})
    page = breakdown_page(
        {"epoch": dict.fromkeys(PARTS_OF_TIME, 1e-6), "bound": {PRODUCTS: 3e-6, FUSED: 1e-6}}
    )
    shares = dict(re.findall(r"^\| (.+?) \| (.*) \|$", page, flags=re.MULTILINE))
    assert shares[PRODUCTS] == f"{1 / len(PARTS_OF_TIME):.0%} | 75%"
    assert shares[OPTIMIZER] == f"{1 / len(PARTS_OF_TIME):.0%} | "
    assert shares[AT_MOST] == "25% | 100%"
    assert shares["an image"] == f"{len(PARTS_OF_TIME)} µs | 4 µs"
    assert "commit `0123456789`, a machine." in page
