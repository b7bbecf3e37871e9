import json
import os
import platform
import subprocess
import sys
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from vaeline.tracking import training_run
from vaeline.tracking.abandoned import PROCESS, this_process
from vaeline.tracking.completion import complete_run
from vaeline.tracking.runs.content import RunContent
from vaeline.tracking.runs.store import TRAINING_KEY, Store
from vaeline.tracking.training_run import TrainingRun, new_training_key

CURVES = [{"epoch": epoch, "valid_elbo": -100.0 + epoch, "train_loss": 100.0 - epoch} for epoch in (1, 2, 3)]
CONTENT = RunContent("beta=4", {"beta": 4.0}, {"git.commit": "abc"})


def train(key="", files=()):
    with TrainingRun.open("e", CONTENT, key) as run:
        for count in (1, 2, 3):
            run.curves(CURVES[:count])
        run.artifacts({str(file): "files" for file in files})
    return run.id


def steps(client, run_id):
    return [point.step for point in client.get_metric_history(run_id, "valid_elbo")]


def all_runs(client):
    return client.search_runs([experiment.experiment_id for experiment in client.search_experiments()])


class Server:
    """A tracking server that answers each request as `answer` does."""

    def __init__(self, answer):
        server = self
        self.asked = threading.Event()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                server.asked.set()
                status, body = answer(self.path)
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_PATCH = do_GET  # noqa: N815 (the names that http.server looks for)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"http://someone:hidden@127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def serve(root, monkeypatch):
    """Makes a server the store of runs."""
    servers = []

    def start(answer):
        servers.append(Server(answer))
        monkeypatch.setenv("MLFLOW_TRACKING_URI", servers[0].address)
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        return servers[0]

    yield start
    for server in servers:
        server.stop()


def test_training_ends_beside_a_server_that_hangs_and_says_what_is_not_logged(serve, monkeypatch, capsys):
    release = threading.Event()
    server = serve(lambda _: (release.wait() and 500, b""))
    monkeypatch.setattr(training_run, "END_TOLD_AFTER", 0)
    monkeypatch.setattr(training_run, "LONGEST_WAIT", 0.05)
    with TrainingRun.open("e", CONTENT) as run:
        assert server.asked.wait(600)
        for count in (1, 2, 3):
            run.curves(CURVES[:count])  # returns, though the server has answered nothing yet
        run.artifacts({__file__: "x"})
    waiting, lost = capsys.readouterr().err.splitlines()
    release.set()
    assert waiting.startswith("MLflow: waiting up to 0.05 s for http://***@127.0.0.1:")
    assert lost.startswith(
        f"MLflow: not logged within 0.05 s: the params, the curves, {__file__}, the end of the run; "
    )
    assert lost.endswith("`dvc repro --force --single-item report`")


REFUSALS = {
    "broken": lambda _: (500, b""),
    "forbidden": lambda _: (403, b"no"),
    "no MLflow": lambda _: (200, b"<html>hello</html>"),
    "another API": lambda _: (200, json.dumps([1, 2]).encode()),
}


@pytest.mark.parametrize("answer", REFUSALS)
def test_server_that_cannot_be_used_costs_one_line(serve, capsys, answer):
    serve(REFUSALS[answer])
    with TrainingRun.open("e", CONTENT, "a key") as run:
        run.curves(CURVES)
        run._tasks.wait(600)
    assert run.id == "a key"
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("MLflow: not logged (")
    assert line.endswith("log it later with `dvc repro --force --single-item report`")
    assert "hidden" not in line


def test_training_does_not_wait_for_a_slow_store_and_its_curves_are_complete(client, monkeypatch):
    release, curves = threading.Event(), Store.curves

    def slow(*arguments):
        release.wait()
        curves(*arguments)

    monkeypatch.setattr(Store, "curves", slow)
    with TrainingRun.open("e", CONTENT) as run:
        for count in (1, 2, 3):
            run.curves(CURVES[:count])
        release.set()
    assert steps(client, run.id) == [1, 2, 3]
    assert client.get_run(run.id).info.status == "FINISHED"


def test_store_that_answers_again_has_everything(client, monkeypatch, capsys):
    calls, create = [], Store.create

    def lost(*arguments):
        calls.append(create(*arguments))
        if len(calls) == 1:
            raise ConnectionError("the answer was lost")
        return calls[-1]

    monkeypatch.setattr(Store, "create", lost)
    with TrainingRun.open("e", CONTENT) as run:
        run._tasks.wait(600)
        run.curves(CURVES)
    (only,) = all_runs(client)
    assert (only.info.run_id, only.info.status, only.data.params) == (run.id, "FINISHED", {"beta": "4"})
    assert steps(client, run.id) == [1, 2, 3]
    failed, again = (line for line in capsys.readouterr().err.splitlines() if line.startswith("MLflow: "))
    assert "not logged" in failed
    assert "answers again" in again


def test_run_of_a_training_that_was_killed_before_it_knew_the_id_is_continued(client):
    key = new_training_key()
    killed = Store("e").create(CONTENT, {TRAINING_KEY: key})
    assert client.get_run(killed).info.status == "RUNNING"
    assert train(key) == killed
    (only,) = all_runs(client)
    assert (only.info.run_id, only.info.status) == (killed, "FINISHED")


def test_of_two_runs_that_a_slow_server_created_for_one_request_the_full_one_stays(client):
    key = new_training_key()
    full = train(key)
    Store("e").create(CONTENT, {TRAINING_KEY: key})
    for resumed in (train(key), complete_run("e", key, replace(CONTENT, curves=CURVES))):
        assert resumed == full
        assert [run.info.run_id for run in all_runs(client)] == [full]


def test_report_completes_a_training_that_it_knows_by_its_key(client):
    key = new_training_key()
    with TrainingRun.open("e", CONTENT, key):
        pass
    assert client.get_run(complete_run("e", key, CONTENT)).data.tags[TRAINING_KEY] == key
    assert len(all_runs(client)) == 1


@pytest.mark.parametrize("status", ["FINISHED", "FAILED"])
def test_run_ends_although_its_artifacts_cannot_be_stored(client, root, capsys, status):
    (root / "mlartifacts").write_text("a file in the place of the folder")
    with pytest.raises(ValueError) if status == "FAILED" else pytest.MonkeyPatch.context():
        with TrainingRun.open("e", CONTENT) as run:
            run.artifacts({__file__: "x"})
            if status == "FAILED":
                raise ValueError
    assert client.get_run(run.id).info.status == status
    assert len([line for line in capsys.readouterr().err.splitlines() if "not logged" in line]) == 1


def test_report_ends_its_run_although_its_artifacts_cannot_be_stored(client, root, capsys):
    (root / "mlartifacts").write_text("a file in the place of the folder")
    assert complete_run("e", new_training_key(), replace(CONTENT, artifacts={__file__: "x"})) == ""
    (run,) = all_runs(client)
    assert (run.info.status, run.info.end_time is not None) == ("FINISHED", True)
    (root / "mlartifacts").unlink()
    assert complete_run("e", run.data.tags["vaeline.training_run"], CONTENT) == run.info.run_id


def test_deleted_experiment_is_named_with_what_restores_it(client, capsys):
    client.delete_experiment(Store("gone").experiment_id)
    with TrainingRun.open("gone", CONTENT) as run:
        run._tasks.wait(600)
    (line,) = capsys.readouterr().err.splitlines()
    assert "the experiment 'gone' was deleted in MLflow: " in line
    assert "`MLFLOW_TRACKING_URI=sqlite:///mlflow.db mlflow experiments restore --experiment-id 1`" in line
    assert "`-S experiment_name=NAME`" in line


def test_run_of_a_killed_training_is_ended_by_the_next(client):
    """Not one whose process runs, is of another host, or is not known; a resumed one is RUNNING again."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    running, host = this_process(), platform.node()
    processes = {
        f"{host} {ended.pid} 1.00": "KILLED",
        f"{host} {os.getpid()} 1.00": "KILLED",  # the number belongs to another process now
        running: "RUNNING",
        running.replace(host, "another-host", 1): "RUNNING",
        "": "RUNNING",
    }
    store = Store("e")
    runs = {process: store.create(CONTENT, {PROCESS: process}) for process in processes}
    train()
    assert {process: client.get_run(run).info.status for process, run in runs.items()} == processes
    resumed = runs[f"{host} {ended.pid} 1.00"]
    with TrainingRun.open("e", CONTENT, resumed) as run:
        run.curves(CURVES)
    assert client.get_run(resumed).info.status == "FINISHED"
    assert client.get_run(resumed).data.tags[PROCESS] == running
