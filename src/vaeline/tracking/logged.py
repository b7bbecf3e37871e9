"""Models in MLflow: fetched by the run that logged them, or by their name in the registry."""

from pathlib import Path

from vaeline.core.errors import VaelineError
from vaeline.tracking.packaging import MODEL
from vaeline.tracking.runs.database import database, database_lock, database_uri, open_database
from vaeline.tracking.runs.failures import failure_reason
from vaeline.tracking.runs.mlflow_api import download_artifacts
from vaeline.tracking.runs.store import store_name, tracking_server

RUNS = "runs:/"


def fetch_checkpoint(address: str, folder: Path) -> Path:
    """Downloads a logged model into `folder`, and returns the path of its checkpoint.

    Args:
        address: `runs:/RUN_ID`, `models:/NAME/VERSION` or `models:/NAME@ALIAS`.
        folder: An empty folder.

    Raises:
        VaelineError: The store cannot be reached, does not have the model, or it is not one of vaeline's.
    """
    whole = f"{address.rstrip('/')}/{MODEL}" if _is_bare_run(address) else address
    store = tracking_server() or _local_store(address)
    try:
        fetched = Path(
            download_artifacts(whole, dst_path=str(folder), tracking_uri=store, registry_uri=store)
        )
    except Exception as error:  # whatever a server, a proxy or a database may raise
        raise VaelineError(
            f"{address}: no such model in {store_name()} ({failure_reason(error)}); `vaeline ui` lists runs "
            "and models"
        ) from error
    checkpoints = list(fetched.glob("data/*.pt"))
    if len(checkpoints) != 1:
        raise VaelineError(f"{address}: not a model of vaeline's: it has no checkpoint")
    return checkpoints[0]


def _is_bare_run(address: str) -> bool:
    return address.startswith(RUNS) and "/" not in address.removeprefix(RUNS).rstrip("/")


def _local_store(address: str) -> str:
    if not database().is_file():
        raise VaelineError(
            f"{address}: there is no {database().name} in this folder: run this in the repository's root, or "
            "set MLFLOW_TRACKING_URI to your server"
        )
    with database_lock():
        open_database()
    return database_uri(database())
