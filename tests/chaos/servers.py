"""Tracking servers that are slow, silent, broken or killed, while a training logs to them."""

import contextlib
import http.server
import multiprocessing
import os
import shutil
import socket
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

from mlflow import MlflowClient

from tests.chaos.trials import Trial, run_trials, small_clone
from tests.chaos.verdict import State, Verdict, verdict_of
from tests.chaos.writes import STAGES, run_all
from tests.support.clone import Clone
from tests.support.servers import LOCAL, MlflowServer, postgres

SLOW = 4  # seconds a request
PASSWORD = "hidden-word"
LOGGED_LATER = r"^MLflow: not logged"
EPOCHS = 40
"""Of the training during which a real server is killed: long enough to be killed and started again in it."""


class Silent(http.server.BaseHTTPRequestHandler):
    """Answers nothing for an hour."""

    def respond(self) -> None:
        time.sleep(3600)

    def do_GET(self) -> None:
        self.respond()

    do_POST = do_PUT = do_PATCH = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None: ...


class Slow(Silent):
    """Answers each request late, and as a server that knows nothing."""

    def respond(self) -> None:
        time.sleep(SLOW)
        self.send_error(404)


class Failing(Silent):
    """Answers each request with an internal error."""

    def respond(self) -> None:
        self.send_error(500)


class Babbling(Silent):
    """Answers with what is no JSON."""

    def respond(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>Welcome to the hotel's network</html>")


class HangingUp(Silent):
    """Closes the connection."""

    def respond(self) -> None:
        self.connection.shutdown(socket.SHUT_RDWR)


FAULTS: dict[str, type[Silent] | None] = {
    "refuses": None,
    "never answers": Silent,
    "takes 4 s a request": Slow,
    "answers with error 500": Failing,
    "answers with HTML": Babbling,
    "hangs up": HangingUp,
}


@contextlib.contextmanager
def serving(handler: type[Silent] | None) -> Iterator[str]:
    """Yields the address of a server in a process of its own; of none if there is no handler."""
    server = http.server.ThreadingHTTPServer((LOCAL, 0), handler or Silent)
    address = f"http://someone:{PASSWORD}@{LOCAL}:{server.server_address[1]}"
    if handler is None:
        server.server_close()
        yield address
        return
    process = multiprocessing.get_context("fork").Process(target=server.serve_forever)
    process.start()
    server.server_close()  # this process's own copy of the socket
    try:
        yield address
    finally:
        process.kill()
        process.join()


def broken_servers() -> list[Trial]:
    """Returns a trial for each kind of broken server: train and report, and report again without it."""
    return run_trials(_broken, list(FAULTS), "tracking servers")


def _broken(fault: str) -> list[Trial]:
    with small_clone("server") as clone:
        run_all(clone.root)
        expected = State.of(clone.root)
        (clone.root / "mlflow.db").unlink()
        shutil.rmtree(clone.root / "mlartifacts")
        shutil.rmtree(clone.root / ".scratch")
        with serving(FAULTS[fault]) as os.environ["MLFLOW_TRACKING_URI"]:
            said = run_all(clone.root, STAGES[STAGES.index("train") :])
        del os.environ["MLFLOW_TRACKING_URI"]
        said += run_all(clone.root, ["report"])
        verdict = verdict_of(clone.root, expected, said, LOGGED_LATER)
        if PASSWORD in said:
            verdict = replace(verdict, one_line=False, detail=f"the password was printed: {said}")
    return [Trial("tracking server", fault, verdict)]


def kill_server(times: int) -> list[Trial]:
    """Returns trials: a server on PostgreSQL is killed and started again while a training logs to it."""
    with small_clone("postgres", epochs=f"epochs: {EPOCHS}") as clone, postgres() as database:
        run_all(clone.root)
        expected, server = State.of(clone.root), MlflowServer(database, clone.root / "served")
        (clone.root / "mlflow.db").unlink()
        server.start()
        clone.environment["MLFLOW_TRACKING_URI"] = server.address
        try:
            return [_server_killed(clone, server, expected, after=number) for number in range(times)]
        finally:
            server.kill()


def _server_killed(clone: Clone, server: MlflowServer, expected: State, after: float) -> Trial:
    before = _runs_at(server.address)
    shutil.rmtree(clone.root / ".scratch")
    (clone.root / ".scratch").mkdir()

    def assail() -> None:
        while not list((clone.root / ".scratch/train").glob("*/state_*")):
            time.sleep(0.05)
        time.sleep(after)
        server.kill()
        server.start()

    assailant = threading.Thread(target=assail)
    assailant.start()
    done = clone.run(sys.executable, "-m", "stages.train", ok=False)
    assailant.join()
    again = clone.run(sys.executable, "-m", "stages.report", ok=False)
    said = done.stdout + done.stderr + again.stdout + again.stderr
    verdict = verdict_of(clone.root, State(expected.files, []), said)
    runs = [run for known, run in _runs_at(server.address).items() if known not in before]
    ended = all(status == "FINISHED" for status, _ in runs)
    one_run = [points for _, points in runs] == [EPOCHS]
    detail = verdict.detail if one_run and ended else f"{runs}; {said[-2000:]}"
    identical = verdict.identical and not done.returncode and not again.returncode
    return Trial(
        "MLflow server on PostgreSQL", "killed and started again",
        Verdict(identical, one_run, ended, verdict.one_line, detail),
    )  # fmt: skip


def _runs_at(address: str) -> dict[str, tuple[str, int]]:
    """Returns the status and the number of logged epochs of every run, by its id."""
    client = MlflowClient(address)
    runs = client.search_runs([experiment.experiment_id for experiment in client.search_experiments()])
    return {
        run.info.run_id: (
            run.info.status,
            len({point.step for point in client.get_metric_history(run.info.run_id, "valid_elbo")}),
        )
        for run in runs
    }
