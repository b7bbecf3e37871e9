"""What the train stage leaves while it runs, and when it is killed and resumed."""

import hashlib
import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from mlflow import MlflowClient

from stages import prepare, train
from tests.conftest import ROOT
from tests.support.small import config
from vaeline.core.files import read_json
from vaeline.core.params import StageParams
from vaeline.evaluation.symptoms import read_history
from vaeline.runtime.stage import run_stage
from vaeline.tracking.training_run import TrainingRun
from vaeline.training import beginning
from vaeline.training.fit import fit

OUTPUT = Path("outputs/train")


@pytest.fixture
def prepared(tmp_path, monkeypatch, empty):
    """A repository of its own, with digits prepared and a database without runs."""
    for name in ("dvc.yaml", "params.yaml"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    shutil.copy(empty, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("DVC_EXP_NAME", raising=False)
    prepare.main(params())


def params() -> StageParams:
    return config(data={"name": "digits"}, epochs=4)


class Killed(BaseException):
    """Stands for a kill: nothing in the project catches it."""


def epochs_written() -> list[int]:
    """Returns the epochs in the history, which all files must agree on."""
    if not (OUTPUT / "history.csv").exists():
        return []
    epochs = pd.read_csv(OUTPUT / "history.csv")["epoch"].tolist()
    assert pd.read_csv(OUTPUT / "kl_per_dim.csv")["epoch"].tolist() == epochs
    assert read_json(OUTPUT / "metrics.json")["epochs"] == epochs[-1]
    assert len((OUTPUT / "training.log").read_text().splitlines()) == len(epochs)
    return epochs


def watched(monkeypatch, killed_after: int = 10) -> list[list[int]]:
    """Returns a list of what is written before each epoch, to which the stage adds while it runs."""
    written: list[list[int]] = []

    def watched_fit(*arguments):
        written.append(epochs_written())
        for record in fit(*arguments):
            yield record
            written.append(epochs_written())
            if record.epoch == killed_after:
                raise Killed

    monkeypatch.setattr(beginning, "fit", watched_fit)
    return written


@pytest.mark.usefixtures("prepared")
def test_history_and_metrics_are_written_after_each_epoch(monkeypatch):
    written = watched(monkeypatch)
    train.main(params())
    assert written == [[], [1], [1, 2], [1, 2, 3], [1, 2, 3, 4]]
    assert read_json(OUTPUT / "run.json")["run_id"]


@pytest.mark.usefixtures("prepared")
def test_a_resumed_training_first_writes_what_was_before(monkeypatch):
    watched(monkeypatch, killed_after=2)
    with pytest.raises(Killed):
        train.main(params())
    shutil.rmtree(OUTPUT)  # as DVC removes a stage's outs before it runs it
    written = watched(monkeypatch)
    train.main(params())
    assert written == [[1, 2], [1, 2, 3], [1, 2, 3, 4]]


@pytest.mark.usefixtures("prepared")
def test_a_warm_start_is_in_the_origin_and_begins_where_the_other_training_ended(tmp_path):
    """Of a training that ended early, with averaged weights, some epochs of which were not validated."""
    first = config(
        data={"name": "digits"}, epochs=9, patience=2, val_every=2, ema_decay=0.5, learning_rate=0.5
    )
    train.main(first)
    metrics = read_json(OUTPUT / "metrics.json")
    assert metrics["epochs"] < 9
    assert "stopped after epoch" in (OUTPUT / "training.log").read_text().splitlines()[-1]
    history = read_history(OUTPUT / "history.csv")
    assert history["valid_elbo"].isna().tolist() == [epoch % 2 == 1 for epoch in history["epoch"]]
    assert "init_from" not in read_json(OUTPUT / "run.json")

    shutil.copy(OUTPUT / "checkpoints/best.pt", "first.pt")
    train.main(config(data={"name": "digits"}, epochs=1, learning_rate=1e-9, init_from="first.pt"))
    again = read_json(OUTPUT / "metrics.json")
    assert again["valid_elbo"] == pytest.approx(metrics["best_valid_elbo"], abs=1e-3)
    tags = {"init_from": "first.pt", "init_from.md5": hashlib.md5(Path("first.pt").read_bytes()).hexdigest()}
    assert read_json(OUTPUT / "run.json").items() >= tags.items()
    client = MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    runs = client.search_runs([e.experiment_id for e in client.search_experiments()])
    assert sum(run.data.tags.items() >= tags.items() for run in runs) == 1
    points = {len(client.get_metric_history(run.info.run_id, "train_loss")) for run in runs}
    assert points == {metrics["epochs"], 1}


@pytest.mark.usefixtures("prepared")
def test_an_epoch_that_was_kept_and_not_logged_is_logged_when_resumed(monkeypatch, tmp_path):
    """Also the last one, after which no epoch is left to train."""
    watched(monkeypatch, killed_after=4)
    with monkeypatch.context() as unlogged:
        unlogged.setattr(TrainingRun, "curves", lambda *_: None)
        with pytest.raises(Killed):
            train.main(params())
    written = watched(monkeypatch)
    train.main(params())
    assert written == [[1, 2, 3, 4]]
    client = MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    (run,) = client.search_runs([e.experiment_id for e in client.search_experiments()])
    points = client.get_metric_history(run.info.run_id, "train_loss")
    assert [point.step for point in points] == [1, 2, 3, 4]


def published() -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(OUTPUT.rglob("*")) if path.is_file()}


@pytest.mark.usefixtures("prepared")
def test_a_finished_training_is_published_again_until_dvc_has_recorded_it(monkeypatch, tmp_path):
    """DVC records nothing if its cache's disk is full, or if it is killed once the stage has returned."""
    train.main(params())
    before = published()
    shutil.rmtree(OUTPUT)
    written = watched(monkeypatch)
    train.main(params())
    assert written == []  # no epoch was trained
    assert published() == before
    client = MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    (run,) = client.search_runs([e.experiment_id for e in client.search_experiments()])
    assert run.info.status == "FINISHED"
    result = before[str(OUTPUT / "run.json")]
    assert run.info.run_id == json.loads(result)["run_id"]

    # Recorded, it is trained again if that is forced.
    Path("dvc.lock").write_text(f"md5: {hashlib.md5(result).hexdigest()}")
    shutil.rmtree(OUTPUT)
    run_stage("train", lambda _: train.main(params()))
    assert written == [[], [1], [1, 2], [1, 2, 3], [1, 2, 3, 4]]
    after = published()
    assert after[str(OUTPUT / "run.json")] != result
    for name in ("best", "last"):
        assert after[str(OUTPUT / f"checkpoints/{name}.pt")] == before[str(OUTPUT / f"checkpoints/{name}.pt")]
