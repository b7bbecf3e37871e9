"""Six trainings that log to one server at once, while it is killed and started again, and a large file."""

import functools
import hashlib
import importlib
import multiprocessing
import os
import shutil
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts

from tests.chaos.forked import run_stage
from tests.chaos.trials import small_clone
from tests.chaos.writes import run_all
from tests.support.servers import MlflowServer, further_database, object_store, postgres
from tests.team.page import Check
from vaeline.core.files import read_json, read_numbers
from vaeline.tracking.completion import complete_run
from vaeline.tracking.runs.content import RunContent
from vaeline.tracking.training_run import TrainingRun
from vaeline.training.history import epoch_curves

STAGES = ("prepare", "check", "train")
TRAININGS = 6
EPOCHS = 40
LARGE = 200 << 20  # bytes
PASSWORD = "hidden-word-of-the-team"
AUTH = """[mlflow]
default_permission = EDIT
database_uri = {users}
admin_username = admin
admin_password = {password}
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
"""


def share_server() -> list[Check]:
    """Returns what holds of trainings that share a server on PostgreSQL and S3, with a login."""
    for stage in STAGES:  # once, and not in each process that is forked
        importlib.import_module(f"stages.{stage}")
    changes = {"epochs": f"epochs: {EPOCHS}"}
    with small_clone("team", **changes) as clone, postgres() as database, object_store("mlflow") as files:
        run_all(clone.root, STAGES[:-1])
        server = _server(clone.root / "auth.ini", database, files)
        server.start()
        try:
            refused = _status_without_login(server.address)
            os.environ["MLFLOW_TRACKING_URI"] = server.address
            os.environ |= {"MLFLOW_TRACKING_USERNAME": "admin", "MLFLOW_TRACKING_PASSWORD": PASSWORD}
            return [
                Check("status of a request without a login", str(refused), refused == 401),
                *_six_trainings(clone.root, server),
                _large_file(clone.root),
            ]
        finally:
            server.kill()
            for name in ("MLFLOW_TRACKING_URI", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"):
                os.environ.pop(name, None)


def _server(auth: Path, database: str, files: dict[str, str]) -> MlflowServer:
    auth.write_text(AUTH.format(users=further_database(database, "users"), password=PASSWORD))
    variables = {
        **files,
        "MLFLOW_S3_ENDPOINT_URL": files["AWS_ENDPOINT_URL"],
        "MLFLOW_AUTH_CONFIG_PATH": str(auth),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": PASSWORD,
    }
    return MlflowServer(database, "s3://mlflow/artifacts", ("--app-name", "basic-auth"), variables)


def _status_without_login(address: str) -> int:
    try:
        request = urllib.request.Request(f"{address}/api/2.0/mlflow/experiments/search?max_results=1")
        with urllib.request.urlopen(request, timeout=60) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def _six_trainings(root: Path, server: MlflowServer) -> list[Check]:
    """Trains in copies of a clone at once, and kills the server meanwhile; then completes the runs."""
    copies = [root.with_name(f"{root.name}.{number}") for number in range(TRAININGS)]
    for copy in copies:
        shutil.copytree(root, copy)
    try:
        with ProcessPoolExecutor(TRAININGS, multiprocessing.get_context("fork")) as pool:
            assailant = threading.Thread(target=_restart_once_trained, args=(copies, server))
            trained = pool.map(functools.partial(run_stage, "train"), copies)
            assailant.start()
            ended = list(trained)
            assailant.join()
            completed = list(pool.map(_complete, copies))
        runs = _runs()
        saved = [_equal_checkpoint(run, copies) for run in runs]
    finally:
        for copy in copies:
            shutil.rmtree(copy)
    statuses = [status for status, _ in runs.values()]
    epochs = sorted(points for _, points in runs.values())
    said, well = "".join(end.said for end in ended), [end.status == 0 for end in ended]
    later = said.count("MLflow: not logged")
    return [
        Check("trainings that ended well", f"{sum(well)}; of {later} something was logged later", all(well)),
        Check("runs completed afterwards", str(sum(map(bool, completed))), all(completed)),
        Check("runs on the server", str(len(runs)), len(runs) == TRAININGS),
        Check("of these FINISHED", str(statuses.count("FINISHED")), set(statuses) == {"FINISHED"}),
        Check("epochs that each has", ", ".join(map(str, epochs)), epochs == [EPOCHS] * TRAININGS),
        Check("checkpoints on the server equal to one of a training's", str(sum(saved)), all(saved)),
        Check("passwords in what was printed", str(said.count(PASSWORD)), PASSWORD not in said),
    ]  # fmt: skip


def _restart_once_trained(copies: list[Path], server: MlflowServer) -> None:
    """Kills the server once half of the trainings have saved a state, and starts it again."""
    while sum(bool(list((c / ".scratch/train").glob("*/state_*"))) for c in copies) < len(copies) // 2:
        time.sleep(0.05)
    server.kill()
    server.start()


def _complete(copy: Path) -> str:
    """Logs what the run of a training lacks, as the stage report does; returns its id."""
    output = copy / "outputs/train"
    content = RunContent(
        "a training",
        {},
        {},
        curves=epoch_curves(read_numbers(output / "history.csv", ["epoch", "step"])),
        artifacts={str(output / f"checkpoints/{name}.pt"): "checkpoints" for name in ("best", "last")},
    )
    return complete_run("vae_mnist", read_json(output / "run.json")["run_id"], content)


def _runs() -> dict[str, tuple[str, int]]:
    """Returns the status and the number of logged epochs of every run, by its id."""
    client = MlflowClient()
    runs = client.search_runs([experiment.experiment_id for experiment in client.search_experiments()])
    histories = {run.info.run_id: client.get_metric_history(run.info.run_id, "valid_elbo") for run in runs}
    return {
        run.info.run_id: (run.info.status, len({point.step for point in histories[run.info.run_id]}))
        for run in runs
    }


def _equal_checkpoint(run_id: str, copies: list[Path]) -> bool:
    stored = Path(download_artifacts(run_id=run_id, artifact_path="checkpoints/best.pt"))
    known = {_digest(copy / "outputs/train/checkpoints/best.pt") for copy in copies}
    return _digest(stored) in known


def _large_file(root: Path) -> Check:
    """Logs a file of 200 MB as a training does, and once more as its report does."""
    path = root / "large.pt"
    path.write_bytes(os.urandom(LARGE))
    started = time.monotonic()
    with TrainingRun.open("large", RunContent("large", {}, {})) as run:
        run.artifacts({str(path): "checkpoints"})
    by_training = time.monotonic() - started
    complete_run("large", run.id, RunContent("large", {}, {}, artifacts={str(path): "checkpoints"}))
    seconds = time.monotonic() - started - by_training
    (status, _), run_id = _runs()[run.id], run.id
    stored = Path(download_artifacts(run_id=run_id, artifact_path="checkpoints/large.pt"))
    found = f"{by_training:.0f} s by the training, {seconds:.0f} s by the report, {status}"
    return Check("200 MB are stored, byte for byte", found, _digest(stored) == _digest(path))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
