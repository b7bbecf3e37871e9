"""The MLflow UI on the project's runs: `make ui`."""

import os
import sys

from vaeline.stage import workspace

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

from mlflow import MlflowClient

PORT = os.environ.get("PORT", "5000")


def link(store: str, port: str) -> str:
    """Returns the address of the newest runs table; the front page shows traces, and there are none."""
    experiments = MlflowClient(store).search_experiments(order_by=["last_update_time DESC"])
    return f"http://127.0.0.1:{port}/#/experiments/{experiments[0].experiment_id}/runs?workflowType=machine_learning"


def main() -> None:
    """Prints where to look, and becomes the server."""
    if server := os.environ.get("MLFLOW_TRACKING_URI"):
        sys.exit(f"ui: the runs are at MLFLOW_TRACKING_URI = {server}: open its own address in a browser")
    database = workspace() / "mlflow.db"
    if not database.is_file():
        sys.exit("ui: no run is recorded here yet: `make repro` records the first")
    store = f"sqlite:///{database}"
    print(f"Runs: {link(store, PORT)} (up in about 15 s, Ctrl-C ends it)", flush=True)
    os.environ["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"  # halves the time to start
    serve = ["-m", "mlflow", "ui", "--backend-store-uri", store, "--workers", "1", "--port", PORT]
    os.execv(sys.executable, [sys.executable, *serve])


if __name__ == "__main__":
    main()
