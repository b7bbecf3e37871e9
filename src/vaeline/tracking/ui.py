"""The MLflow UI on the recorded runs."""

import json
import os
import sys
from typing import NoReturn
from urllib.parse import quote

from vaeline.core.errors import VaelineError
from vaeline.tracking.runs.database import database_lock, database_uri, open_database
from vaeline.tracking.runs.location import database, store_name, tracking_server
from vaeline.tracking.runs.mlflow_api import MlflowClient

RUNS_COMPARED = 5  # runs, at most, in the link to the comparison
# Selects the runs. MLflow's front page shows traces, of which there are none.
TRAINING_VIEW = "workflowType=machine_learning"


def ui_links(store: str, port: int) -> dict[str, str]:
    """Returns the addresses of the newest experiment's table of runs, and of its newest runs side by side.

    Args:
        store: URI of the store of runs.
        port: Port of the UI.
    """
    client, ui = MlflowClient(store), f"http://127.0.0.1:{port}/#"
    ids = [experiment.experiment_id for experiment in client.search_experiments()]
    newest = client.search_runs(ids, order_by=["attributes.start_time DESC"], max_results=1)
    experiment = newest[0].info.experiment_id if newest else ids[0]
    runs = client.search_runs(
        [experiment], order_by=["attributes.start_time DESC"], max_results=RUNS_COMPARED
    )
    links = {"Runs": f"{ui}/experiments/{experiment}/runs?{TRAINING_VIEW}"}
    if len(runs) > 1:
        chosen = quote(json.dumps([run.info.run_id for run in runs]))
        experiments = quote(json.dumps([experiment]))
        links["Compare"] = f"{ui}/compare-runs?runs={chosen}&experiments={experiments}&{TRAINING_VIEW}"
    return links


def serve_ui(port: int) -> NoReturn:
    """Prints the links, and becomes the server of the UI.

    Raises:
        VaelineError: The runs are in a tracking server, which has a UI of its own, or no run is recorded, or
            the SQLite file cannot be opened.
    """
    if tracking_server():
        raise VaelineError(
            f"the runs are at MLFLOW_TRACKING_URI = {store_name()}: open that address in a browser"
        )
    if not database().is_file():
        raise VaelineError("no run is recorded yet: `make repro` records the first")
    with database_lock():
        open_database()
    store = database_uri(database())
    for name, address in ui_links(store, port).items():
        print(f"{name}: {address}")
    print("(ready in about 15 s; Ctrl-C stops it)", flush=True)
    os.environ["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"  # halves the time to start
    serve = ["-m", "mlflow", "ui", "--backend-store-uri", store, "--workers", "1", "--port", str(port)]
    os.execv(sys.executable, [sys.executable, *serve])
