"""Where runs are: on a tracking server, or in an SQLite file at the repository's root."""

import os
from pathlib import Path

from vaeline.runtime.stage import workspace
from vaeline.tracking.runs.redaction import redacted


def tracking_server() -> str:
    """Returns the address of the tracking server, or "" where runs are in the SQLite file."""
    return os.environ.get("MLFLOW_TRACKING_URI", "")


def store_name() -> str:
    """Returns what a message calls the store."""
    return redacted(tracking_server()) or str(database())


def database() -> Path:
    """Returns the path of the SQLite file."""
    return workspace() / "mlflow.db"


def artifacts_root() -> Path:
    """Returns the folder of the artifacts of the runs in the SQLite file."""
    return workspace() / "mlartifacts"
