import contextlib
import errno
import shutil
import sqlite3

import pytest
from filelock import FileLock
from mlflow import MlflowClient

from vaeline.core.errors import VaelineError
from vaeline.tracking.runs import database
from vaeline.tracking.runs.database import database_lock, database_uri, open_database
from vaeline.tracking.runs.store import Store

ODD = ["with space", "größe", "50%", "a%20b", "c#1", "what?x=1", "a&b+c;d", "it's", 'a"b', "file:x"]


@pytest.mark.parametrize("odd", ODD)
def test_runs_and_files_are_in_a_repository_with_an_odd_path(root, empty, monkeypatch, odd):
    (root / odd).mkdir()
    shutil.copy(empty, root / odd)
    (root / odd / "f.txt").write_text("x")
    monkeypatch.setenv("DVC_ROOT", str(root / odd))
    store = Store("e")
    run_id = store.client.create_run(store.experiment_id).info.run_id
    store.client.log_artifact(run_id, str(root / odd / "f.txt"))
    assert [file.path for file in store.client.list_artifacts(run_id)] == ["f.txt"]
    assert (root / odd / "mlartifacts" / run_id / "artifacts" / "f.txt").is_file()
    assert rows(root / odd / "mlflow.db", "SELECT run_uuid FROM runs") == [(run_id,)]
    assert [path.name for path in root.iterdir()] == [odd]


def rows(path, query):
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


def write(path, *statements):
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


class Making:
    """Stands for MLflow: makes a database at once, or stops half way."""

    def __init__(self, empty, stops=None):
        self.empty, self.stops, self.made = empty, stops, []

    def __call__(self, uri):
        path = uri.partition("://")[2]
        path = path.removeprefix("/")
        if database.UNFINISHED not in path:
            return MlflowClient(uri)
        self.made.append(path)
        write(path, "CREATE TABLE experiments (name)", "CREATE TABLE _alembic_tmp_tags (key)")
        if self.stops:
            raise self.stops
        shutil.copy(self.empty, path)
        return MlflowClient(uri)


@pytest.fixture
def making(empty, monkeypatch):
    made = Making(empty)
    monkeypatch.setattr(database, "MlflowClient", made)
    return made


def experiments(client):
    return [experiment.name for experiment in client.search_experiments()]


@pytest.mark.parametrize("stops", [KeyboardInterrupt(), SystemExit(1), OSError(errno.ENOSPC, "disk full")])
def test_nothing_is_left_of_a_database_whose_making_was_stopped(root, making, stops):
    making.stops = stops
    with pytest.raises(type(stops)):
        open_database()
    assert list(root.iterdir()) == []
    making.stops = None
    assert experiments(open_database()) == ["Default"]


def test_what_a_killed_process_left_is_removed(root, making):
    for part in ("", "-journal"):
        (root / f"mlflow.db.{database.UNFINISHED}-1234{part}").write_bytes(b"half")
    open_database()
    assert [path.name for path in root.iterdir()] == ["mlflow.db"]


HALF_MADE = {
    "before the first table": lambda path: write(path, "DROP TABLE alembic_version", "DROP TABLE runs"),
    "without a version": lambda path: write(path, "DELETE FROM alembic_version"),
    "at an older version": lambda path: write(
        path, "UPDATE alembic_version SET version_num = '451aebb31d03'"
    ),
    "between two steps": lambda path: write(path, "CREATE TABLE _alembic_tmp_tags (key)"),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:5000]),
    "no database": lambda path: path.write_text("something else" * 100),
}


@pytest.mark.parametrize("state", HALF_MADE)
def test_half_made_database_without_runs_is_set_aside_and_made_again(root, empty, making, capsys, state):
    path = root / "mlflow.db"
    shutil.copy(empty, path)
    HALF_MADE[state](path)
    before = path.read_bytes()
    assert experiments(open_database()) == ["Default"]
    assert (root / "mlflow.db.broken-1").read_bytes() == before
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"MLflow: {path} was left half made and holds no run")
    assert "mlflow.db.broken-1" in line
    open_database()
    assert capsys.readouterr().err == ""


def test_empty_file_is_made_a_database_without_a_word(root, making, capsys):
    (root / "mlflow.db").touch()
    assert experiments(open_database()) == ["Default"]
    assert capsys.readouterr().err == ""
    assert [path.name for path in root.iterdir()] == ["mlflow.db"]


def test_journal_of_a_removed_database_is_not_replayed(root, making):
    (root / "mlflow.db-journal").write_bytes(b"of another file")
    open_database()
    assert (root / "mlflow.db.broken-1-journal").read_bytes() == b"of another file"
    assert not (root / "mlflow.db-journal").exists()


def test_database_with_runs_is_never_set_aside(root, client, making):
    client.create_run("0")
    write(root / "mlflow.db", "UPDATE alembic_version SET version_num = 'of a newer MLflow'")
    before = (root / "mlflow.db").read_bytes()
    with pytest.raises(VaelineError, match=r"cannot be opened .* `mv mlflow.db mlflow.db.old` keeps it"):
        open_database()
    assert (root / "mlflow.db").read_bytes() == before
    assert making.made == []


def test_folder_in_the_place_of_the_database_is_refused_at_once(root):
    (root / "mlflow.db" / "x").mkdir(parents=True)
    with pytest.raises(VaelineError, match=r"mlflow.db: unable to open"):
        open_database()


def test_who_waits_for_the_database_is_told(root, monkeypatch):
    monkeypatch.setattr(database, "LOCK_TOLD_AFTER", 0.01)
    other, told = FileLock(root / ".mlflow.lock"), []
    other.acquire()

    def say(message):
        told.append(message)
        other.release()

    monkeypatch.setattr(database, "say", say)
    with database_lock():
        pass
    assert told == [f"waiting for another process that writes to {root / 'mlflow.db'}"]


def test_error_within_the_lock_is_not_taken_for_one_of_the_lock(root):
    with pytest.raises(OSError, match="disk full"), database_lock():
        raise OSError(errno.ENOSPC, "disk full")


def test_address_names_the_file(root):
    assert database_uri(root / "mlflow.db") == f"sqlite+pysqlite:///{root / 'mlflow.db'}"
