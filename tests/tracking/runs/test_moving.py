import os
import shutil
from urllib.parse import unquote, urlparse

import pytest

from vaeline.tracking import ui
from vaeline.tracking.runs.store import Store


def log(store, name):
    run_id = store.client.create_run(store.experiment_id).info.run_id
    store.client.log_text(run_id, name, f"{name}.txt")
    return run_id


@pytest.fixture
def old(client, root, monkeypatch):
    """A repository with one run, in a folder of `root`."""
    place = root / "old place"
    place.mkdir()
    (root / "mlflow.db").rename(place / "mlflow.db")
    monkeypatch.setenv("DVC_ROOT", str(place))
    store = Store("e")
    run_id = log(store, "first")
    store.client.create_logged_model(store.experiment_id, "model", run_id)
    store.client.create_registered_model("registered")
    store.client.create_model_version(
        "registered", f"{place.as_uri()}/mlartifacts/{run_id}/artifacts", run_id
    )
    return place, run_id


def files(store, run_id):
    return [file.path for file in store.client.list_artifacts(run_id)]


def location(uri):
    return unquote(urlparse(uri).path)


def test_moved_repository_has_its_artifacts_and_gets_new_ones(old, root, monkeypatch, capsys):
    place, first = old
    new = root / "a%20b?c"
    place.rename(new)
    monkeypatch.setenv("DVC_ROOT", str(new))
    store = Store("e")
    second = log(store, "second")
    assert (files(store, first), files(store, second)) == (["first.txt"], ["second.txt"])
    assert location(store.client.get_run(first).info.artifact_uri).startswith(f"{new}/")
    assert [path.name for path in root.iterdir()] == [new.name]
    (model,) = store.client.search_logged_models([store.experiment_id])
    assert location(model.artifact_location).startswith(f"{new}/mlartifacts/models/")
    (version,) = store.client.search_model_versions("name = 'registered'")
    assert location(version.source) == f"{new}/mlartifacts/{first}/artifacts"
    (line,) = (line for line in capsys.readouterr().err.splitlines() if line.startswith("MLflow: "))
    assert (
        line
        == f"MLflow: this repository was at {place}: its artifacts are now looked for in {new}/mlartifacts"
    )
    Store("e")
    assert "MLflow: " not in capsys.readouterr().err


def test_copy_has_its_own_artifacts(old, root, monkeypatch):
    place, first = old
    new = root / "copy"
    shutil.copytree(place, new)
    monkeypatch.setenv("DVC_ROOT", str(new))
    store = Store("e")
    second = log(store, "second")
    assert files(store, first) == ["first.txt"]
    assert location(store.client.get_run(first).info.artifact_uri).startswith(f"{new}/")
    assert not (place / "mlartifacts" / second).exists()
    assert (new / "mlartifacts" / second).is_dir()


def test_artifacts_that_only_the_old_place_has_are_found_there(old, root, monkeypatch):
    place, first = old
    new = root / "copy"
    (new / "mlartifacts").mkdir(parents=True)
    shutil.copy(place / "mlflow.db", new)
    monkeypatch.setenv("DVC_ROOT", str(new))
    store = Store("e")
    assert files(store, first) == ["first.txt"]
    second = log(store, "second")
    assert (new / "mlartifacts" / second).is_dir()


def test_ui_shows_the_artifacts_of_a_moved_repository(old, root, monkeypatch):
    place, first = old
    new = root / "new"
    place.rename(new)
    monkeypatch.setenv("DVC_ROOT", str(new))
    monkeypatch.setattr(os, "execv", lambda *_: None)
    ui.serve_ui(5000)
    assert location(Store("e").client.get_run(first).info.artifact_uri).startswith(f"{new}/")


def test_location_of_another_kind_stays(client, root):
    other = client.create_experiment("other", artifact_location="s3://bucket/mlartifacts")
    Store("e")
    assert client.get_experiment(other).artifact_location == "s3://bucket/mlartifacts"
