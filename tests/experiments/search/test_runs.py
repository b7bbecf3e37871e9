"""The run of a search, above those of its trials."""

import shutil

import pytest
from mlflow import MlflowClient

from vaeline.experiments.search.runs import SearchRun
from vaeline.tracking.runs.content import RunContent
from vaeline.tracking.runs.store import PARENT_RUN, Store


@pytest.fixture
def client(tmp_path, monkeypatch, empty):
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    shutil.copy(empty, tmp_path)
    return MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")


def trial(name, **tags):
    return Store("e").create(RunContent(name, {}, {"dvc.experiment": name}), tags)


def test_trials_are_children_of_the_search_which_is_opened_again(client):
    first, second, others = trial("beta=1"), trial("beta=2"), trial("beta=1", **{PARENT_RUN: "another"})
    SearchRun("e", "search space", "0123", {"search": {"trials": 2}}).add(
        "beta=1", {"search.state": "finished"}
    )
    again = SearchRun("e", "search space", "0123", {"search": {"trials": 2}})
    again.add("beta=2", {"search.state": "pruned"})
    again.finish({"train/best_valid_elbo": -100.0})
    parents = {client.get_run(run).data.tags[PARENT_RUN] for run in (first, second)}
    assert len(parents) == 1
    assert client.get_run(second).data.tags["search.state"] == "pruned"
    assert client.get_run(others).data.tags[PARENT_RUN] == "another"
    parent = client.get_run(parents.pop())
    assert parent.info.run_name == "search space"
    assert (parent.info.status, parent.data.params) == ("FINISHED", {"search.trials": "2"})
    assert parent.data.metrics == {"train/best_valid_elbo": -100.0}


def test_server_that_fails_costs_one_line(client, monkeypatch, capsys):
    monkeypatch.setattr(Store, "create", lambda *_: 1 / 0)
    run = SearchRun("e", "search space", "0123", {})
    run.add("beta=1", {})
    run.finish({})
    assert len(capsys.readouterr().err.splitlines()) == 1
