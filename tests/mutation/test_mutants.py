"""Mutants are single faults in the bodies of functions, and what is put in place is what runs."""

import gc
from pathlib import Path

import pytest

from tests.mutation.mutants import functions_of, put_in_place, sample_mutants
from tests.mutation.page import write_page
from tests.mutation.reach import Reach
from tests.mutation.trials import Trials

SOURCE = '''"""Nothing here is in a function: 1 + 1."""

from functools import cache

LIMIT = 1 + 1


@cache
def outer(x: int | None = 1 + 1) -> int:
    """1 + 1"""
    return inner(x) + 10


def inner(x):
    return max(x, 3)
'''


@pytest.fixture
def source(tmp_path) -> Path:
    path = tmp_path / "module.py"
    path.write_text(SOURCE)
    return path


def all_mutants(source):
    return sample_mutants([source], 100, seed=0)[0]


def test_mutants_are_single_faults_in_the_bodies_of_functions(source):
    changes = {(mutant.before, mutant.after) for mutant in all_mutants(source)}
    line, last = "return inner(x) + 10", "return max(x, 3)"
    assert {
        (line, "return inner(x) - 10"),
        (line, "return inner(x) + 11"),
        (last, "return max(x, )"),
    } < changes
    assert {before for before, _ in changes} == {line, last}


def test_sample_is_reproducible_and_takes_every_line_before_a_second_of_one(source):
    two, total = sample_mutants([source], 2, seed=1)
    assert two == sample_mutants([source], 2, seed=1)[0]
    assert {mutant.lines for mutant in two} == {(11, 11), (15, 15)}
    assert total == len(all_mutants(source)) > 5


def test_function_that_is_wrapped_and_referred_to_elsewhere_runs_the_code_of_the_mutant(source):
    names: dict = {}
    exec(compile(SOURCE, source, "exec"), names)
    gc.freeze()
    outer, functions = names["outer"], functions_of(source.parent)
    assert outer(4) == 14
    (mutant,) = (mutant for mutant in all_mutants(source) if mutant.after == "return inner(x) - 10")
    put_in_place(mutant, functions)
    outer.cache_clear()
    assert outer(4) == -6


def test_tests_that_reach_a_line_come_from_the_cheapest_on_within_a_limit(source):
    (mutant,) = (mutant for mutant in all_mutants(source) if mutant.after == "return max(x, )")
    reach = Reach(
        {"slow": 25.0, "quick": 0.1, "elsewhere": 0.1, "slower": 26.0},
        {str(source.resolve()): {15: ["slow", "slower", "quick", "failing"], 11: ["elsewhere"]}},
    )
    assert reach.of(mutant) == ["quick", "slow"]


def test_share_of_the_first_record_stays_beside_the_new_one(source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    mutants = all_mutants(source)[:4]
    trials = Trials(mutants, source.parent)
    trials.survivors = mutants[:2]
    assert write_page("fid", 9, trials, ["fid"]).endswith("| fid | 9 | 4 | 2 | 50% | 50% |")
    trials.survivors = mutants[:1]
    assert write_page("fid", 9, trials, ["fid"]).endswith("| fid | 9 | 4 | 3 | 75% | 50% |")
    page = Path("docs/results/mutants.md").read_text()
    assert f"{mutants[0].before} → {mutants[0].after}" in page
