"""Models in MLflow: fetched by the run that logged them, or by their name in the registry."""

from pathlib import Path

from vaeline.core.errors import VaelineError
from vaeline.tracking.runs.database import database_lock, database_uri, open_database
from vaeline.tracking.runs.failures import failure_reason
from vaeline.tracking.runs.location import database, store_name, tracking_server
from vaeline.tracking.runs.mlflow_api import MlflowClient, download_artifacts

OF_RUN, REGISTERED = "runs:/", "models:/"


def fetch_checkpoint(address: str, folder: Path) -> Path:
    """Downloads a logged model into `folder`, and returns the path of its checkpoint.

    Args:
        address: `runs:/RUN_ID`, `models:/NAME/VERSION` or `models:/NAME@ALIAS`.
        folder: An empty folder.

    Raises:
        VaelineError: The store cannot be reached, does not have the model, or it is not one of vaeline's.
    """
    store = tracking_server() or _local_store(address)
    try:
        location = _location(MlflowClient(store), address)
        data = f"{location.rstrip('/')}/data"  # the rest is code, of which this package is the newer
        fetched = Path(download_artifacts(data, dst_path=str(folder), tracking_uri=store))
    except Exception as error:  # whatever a server, a proxy or a database may raise
        raise VaelineError(
            f"{address}: no such model in {store_name()} ({failure_reason(error)}); `vaeline ui` lists runs "
            "and models"
        ) from error
    checkpoints = list(fetched.glob("*.pt"))
    if len(checkpoints) != 1:
        raise VaelineError(f"{address}: not a model of vaeline's: it has no checkpoint")
    return checkpoints[0]


def fetch_report(address: str, folder: Path) -> Path:
    """Downloads the report of the run that logged a model into `folder`, and returns the report's folder.

    Raises:
        VaelineError: As `fetch_checkpoint`.
    """
    store = tracking_server() or _local_store(address)
    try:
        return Path(
            MlflowClient(store).download_artifacts(
                _run_id(MlflowClient(store), address), "report", str(folder)
            )
        )
    except Exception as error:  # whatever a server, a proxy or a database may raise
        raise VaelineError(f"{address}: no report in {store_name()} ({failure_reason(error)})") from error


def _run_id(client: MlflowClient, address: str) -> str:
    if address.startswith(OF_RUN):
        return address.removeprefix(OF_RUN).partition("/")[0]
    return str(client.get_model_version(*_name_and_version(client, address)).run_id)


def _name_and_version(client: MlflowClient, address: str) -> tuple[str, str]:
    name, at, alias = address.removeprefix(REGISTERED).partition("@")
    if at:
        return name, str(client.get_model_version_by_alias(name, alias).version)
    name, _, version = name.rpartition("/")
    return name, version


def _location(client: MlflowClient, address: str) -> str:
    """Returns where a model's files are; MLflow would look some of them up in the store of its own choice."""
    if not address.startswith(OF_RUN):
        return client.get_model_version_download_uri(*_name_and_version(client, address))
    outputs = client.get_run(_run_id(client, address)).outputs
    if not (outputs and outputs.model_outputs):
        raise VaelineError("the run has logged no model yet")
    return str(client.get_logged_model(outputs.model_outputs[0].model_id).artifact_location)


def _local_store(address: str) -> str:
    if not database().is_file():
        raise VaelineError(
            f"{address}: there is no {database().name} in this folder: run this in the repository's root, or "
            "set MLFLOW_TRACKING_URI to your server"
        )
    with database_lock():
        open_database()
    return database_uri(database())
