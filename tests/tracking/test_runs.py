import shutil
from dataclasses import replace

import pytest
from mlflow import MlflowClient

from vaeline.tracking.runs import TrainingRun, complete
from vaeline.tracking.store import TRAINING_RUN, Report

CURVES = [{"epoch": epoch, "valid_elbo": -100.0 + epoch, "train_loss": 100.0 - epoch} for epoch in (1, 2, 3)]


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    """A database with its tables, which take seconds to make."""
    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def client(tmp_path, monkeypatch, empty):
    shutil.copy(empty, tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")


def trained():
    """What `train` knows: its own params, and no metrics of other stages."""
    return Report("beta=4", {"beta": 4.0, "prior": {"name": "flow"}}, {"git.commit": "abc"})


def reported(**params):
    return replace(
        trained(),
        params=trained().params | {"iwae_k": 50} | params,
        tags={"git.commit": "abc", "dvc.experiment": "one"},
        metrics={"evaluate/elbo": -99.5},
        curves=CURVES,
    )


def steps(client, run_id):
    return [point.step for point in client.get_metric_history(run_id, "valid_elbo")]


def train(experiment="e", resume="", epochs=3):
    with TrainingRun.open(experiment, trained(), resume) as run:
        run.curves(CURVES[:epochs])
    return run.id


def test_report_completes_the_run_of_its_training(client):
    run_id = train()
    assert complete("e", run_id, reported()) == run_id
    run = client.get_run(run_id)
    assert run.info.status == "FINISHED"
    assert run.data.params == {"beta": "4", "prior.name": "flow", "iwae_k": "50"}
    assert run.data.metrics["evaluate/elbo"] == -99.5
    assert steps(client, run_id) == [1, 2, 3]


def test_completing_twice_changes_nothing(client):
    run_id = train()
    complete("e", run_id, reported())
    once = client.get_run(run_id).data.to_dictionary()
    assert complete("e", run_id, reported()) == run_id
    assert client.get_run(run_id).data.to_dictionary() == once
    assert steps(client, run_id) == [1, 2, 3]


@pytest.mark.parametrize(
    "other",
    [
        reported(iwae_k=500),
        replace(reported(), metrics={"evaluate/elbo": -98.0}),
        replace(reported(), tags={"dvc.experiment": "two"}),
    ],
    ids=["params", "metrics", "experiment"],
)
def test_another_experiment_gets_a_run_of_its_own(client, other):
    run_id = train()
    complete("e", run_id, reported())
    before = client.get_run(run_id).data.to_dictionary()
    child_id = complete("e", run_id, other)
    child = client.get_run(child_id)
    assert child_id != run_id
    assert client.get_run(run_id).data.to_dictionary() == before
    assert child.info.status == "FINISHED"
    assert child.data.params.keys() == {"beta", "prior.name", "iwae_k"}
    assert child.data.tags[TRAINING_RUN] == child.data.tags["mlflow.parentRunId"] == run_id
    assert steps(client, child_id) == [1, 2, 3]
    assert complete("e", run_id, other) == child_id


def test_a_training_that_this_store_does_not_know_is_logged_whole(client):
    run_id = complete("e", "0" * 32, reported())
    run = client.get_run(run_id)
    assert run.data.tags[TRAINING_RUN] == "0" * 32
    assert "mlflow.parentRunId" not in run.data.tags
    assert steps(client, run_id) == [1, 2, 3]
    assert complete("e", "0" * 32, reported()) == run_id


def test_a_resumed_training_goes_on_in_its_run_and_logs_no_epoch_twice(client):
    first = train(epochs=2)
    client.update_run(first, status="RUNNING")  # as a killed process leaves it
    assert train(resume=first) == first
    assert steps(client, first) == [1, 2, 3]
    assert client.get_run(first).info.status == "FINISHED"


def test_a_training_that_fails_leaves_a_failed_run(client):
    with pytest.raises(ValueError, match="diverged"):
        with TrainingRun.open("e", trained()) as run:
            raise ValueError("diverged")
    assert client.get_run(run.id).info.status == "FAILED"


def test_without_a_server_nothing_fails_and_one_line_says_so(client, monkeypatch, capsys):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")  # the discard port: nobody listens
    with TrainingRun.open("e", trained()) as run:
        run.curves(CURVES)
        run.artifacts({__file__: "x"})
    assert complete("e", run.id, reported()) == ""
    lines = capsys.readouterr().err.splitlines()
    assert len([line for line in lines if line.startswith("MLflow: not logged")]) == 2
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    later = complete("e", run.id, reported())
    assert client.get_run(later).data.params["beta"] == "4"
    assert complete("e", run.id, reported()) == later


def test_runs_and_files_lie_at_the_repositorys_root_wherever_the_stage_runs(client, tmp_path, monkeypatch):
    elsewhere = tmp_path / "copy"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    run_id = train()
    assert (
        client.get_run(run_id).info.artifact_uri == (tmp_path / "mlartifacts" / run_id / "artifacts").as_uri()
    )
    assert list(elsewhere.iterdir()) == []
