import pytest

from tests.support.committed import commit_params
from vaeline.tracking.runs.naming import LONGEST_NAME, part_tags, run_name

COMMITTED = {"notes": "", "beta": 1.0, "seed": 42, "prior": {"name": "standard_normal"}}
COMMITTED |= {f"option_{i}": 0 for i in range(30)}


@pytest.fixture(autouse=True)
def _repository(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_EXP_BASELINE_REV", raising=False)
    commit_params(COMMITTED)


def test_name_has_the_changes():
    assert run_name(COMMITTED) == "baseline"
    assert run_name(COMMITTED | {"beta": 4.0, "prior": {"name": "vamp"}}) == "beta=4 prior=vamp"
    assert run_name(COMMITTED | {"notes": "why I did it"}) == "baseline"


def test_long_name_ends_with_the_number_of_changes_left_out():
    changed = COMMITTED | {f"option_{i}": i + 1 for i in range(30)}
    named, _, others = run_name(changed).partition(" … +")
    assert len(named) <= LONGEST_NAME
    assert len(named.split()) + int(others) == 30
    assert named.split()[-1] == f"option_{len(named.split()) - 1}={len(named.split())}"
    assert len(run_name(COMMITTED | {"option_1": "x" * 500})) == LONGEST_NAME


def test_parts_are_tags():
    params = {"beta": 1.0, "model": {"name": "vae", "ladder": {"layers": 3}}, "prior": {"name": "flow"}}
    assert part_tags(params) == {"model": "vae", "prior": "flow"}
