import pytest

from tests.support.committed import commit_params
from vaeline.diagnosis.finding import Finding
from vaeline.diagnosis.remedy_commands import with_remedy_commands


@pytest.fixture(autouse=True)
def _repository(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_EXP_BASELINE_REV", raising=False)
    commit_params({"beta": 1.0, "seed": 42, "data": {"train_size": "auto"}})


def test_command_repeats_the_run_with_the_changes_of_the_remedy():
    problem, healthy = (
        Finding("n", "N", "problem", 1.0, "", (), changes=changes) for changes in ({"beta": 1.0}, {})
    )
    params = {"beta": 100.0, "seed": 42, "data": {"train_size": 10000}}
    problem, healthy = with_remedy_commands([problem, healthy], params)
    assert problem.command == "dvc exp run -S beta=1 -S data.train_size=10000"
    assert healthy.command == ""
