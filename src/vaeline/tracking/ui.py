"""The MLflow UI on the project's runs."""

import json
import os
import sys
from typing import NoReturn
from urllib.parse import quote

from vaeline.core.errors import VaelineError
from vaeline.runtime.stage import workspace

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

from mlflow import MlflowClient

RUNS_COMPARED = 5  # runs, at most, that the link to the comparison sets side by side
# The front page shows traces, of which there are none.
TRAINING_VIEW = "workflowType=machine_learning"


def ui_links(store: str, port: int) -> dict[str, str]:
    """Returns the addresses of the table with the newest run, and of its newest runs side by side."""
    client, ui = MlflowClient(store), f"http://127.0.0.1:{port}/#"
    ids = [experiment.experiment_id for experiment in client.search_experiments()]
    newest = client.search_runs(ids, order_by=["attributes.start_time DESC"], max_results=1)
    experiment = newest[0].info.experiment_id if newest else ids[0]
    runs = client.search_runs(
        [experiment], order_by=["attributes.start_time DESC"], max_results=RUNS_COMPARED
    )
    found = {"Runs": f"{ui}/experiments/{experiment}/runs?{TRAINING_VIEW}"}
    if len(runs) > 1:
        chosen, where = json.dumps([run.info.run_id for run in runs]), json.dumps([experiment])
        found["Compare"] = (
            f"{ui}/compare-runs?runs={quote(chosen)}&experiments={quote(where)}&{TRAINING_VIEW}"
        )
    return found


def serve_ui(port: int) -> NoReturn:
    """Prints the addresses of the UI, and becomes its server.

    Raises:
        VaelineError: If no run is recorded here, or if MLFLOW_TRACKING_URI names another server.
    """
    if server := os.environ.get("MLFLOW_TRACKING_URI"):
        raise VaelineError(f"the runs are at MLFLOW_TRACKING_URI = {server}: open that address in a browser")
    database = workspace() / "mlflow.db"
    if not database.is_file():
        raise VaelineError("no run is recorded here yet: `make repro` records the first")
    store = f"sqlite:///{database}"
    for name, address in ui_links(store, port).items():
        print(f"{name}: {address}")
    print("(ready in about 15 s; Ctrl-C ends it)", flush=True)
    os.environ["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"  # halves the time to start
    serve = ["-m", "mlflow", "ui", "--backend-store-uri", store, "--workers", "1", "--port", str(port)]
    os.execv(sys.executable, [sys.executable, *serve])
