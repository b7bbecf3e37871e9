"""An empty store of runs in a temporary repository."""

import shutil
from pathlib import Path

import pytest
from mlflow import MlflowClient


@pytest.fixture
def root(tmp_path, monkeypatch) -> Path:
    """The root of a repository without a database."""
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return tmp_path


@pytest.fixture
def client(root, empty) -> MlflowClient:
    """A client of the empty database of `root`."""
    shutil.copy(empty, root)
    return MlflowClient(f"sqlite:///{root / 'mlflow.db'}")
