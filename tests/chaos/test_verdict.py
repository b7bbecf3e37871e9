"""The verdict on a fault sees each thing that can be wrong; the table counts what held."""

import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from tests.chaos.page import rows_of
from tests.chaos.trials import Trial
from tests.chaos.verdict import State, Verdict, verdict_of

HOLDS = Verdict(identical=True, one_run=True, none_running=True, one_line=True)


def log(root, *runs):
    """Makes MLflow's tables as far as the verdict reads them: a status and the epochs of each run."""
    with closing(sqlite3.connect(root / "mlflow.db")) as database, database:
        database.executescript(
            "CREATE TABLE runs (run_uuid, status, lifecycle_stage); CREATE TABLE metrics (run_uuid, key)"
        )
        for number, (status, epochs) in enumerate(runs):
            database.execute("INSERT INTO runs VALUES (?, ?, 'active')", (number, status))
            database.executemany("INSERT INTO metrics VALUES (?, 'valid_elbo')", [(number,)] * epochs)


def produce(root, **files):
    (root / "outputs/train").mkdir(parents=True)
    for name, text in files.items():
        (root / "outputs/train" / name).write_text(text)


@pytest.fixture
def expected(tmp_path):
    root = tmp_path / "undisturbed"
    produce(root, history="1", weights="2")
    log(root, ("FINISHED", 3))
    return State.of(root)


@pytest.mark.parametrize(
    ("files", "runs", "said", "wrong"),
    [
        ({"history": "1", "weights": "2"}, [("FINISHED", 3)], "train: no space", {}),
        ({"history": "1", "weights": "3"}, [("FINISHED", 3)], "train: no space", {"identical": False}),
        ({"history": "1"}, [("FINISHED", 3)], "train: no space", {"identical": False}),
        (
            {"history": "1", "weights": "2", "b": ""},
            [("FINISHED", 3)],
            "train: no space",
            {"identical": False},
        ),
        ({"history": "1", "weights": "2"}, [("FINISHED", 2)], "train: no space", {"one_run": False}),
        ({"history": "1", "weights": "2"}, [("FINISHED", 3)] * 2, "train: no space", {"one_run": False}),
        ({"history": "1", "weights": "2"}, [("RUNNING", 3)], "train: no space", {"none_running": False}),
        ({"history": "1", "weights": "2"}, [("FINISHED", 3)], "it failed", {"one_line": False}),
        (
            {"history": "1", "weights": "2"},
            [("FINISHED", 3)],
            "train: no space\nTraceback (most recent call last):",
            {"one_line": False},
        ),
    ],
)
def test_verdict(tmp_path, expected, files, runs, said, wrong):
    root = tmp_path / "disturbed"
    produce(root, **files)
    log(root, *runs)
    verdict = verdict_of(root, expected, said, "^train: no space")
    assert replace(verdict, detail="") == replace(HOLDS, **wrong)
    assert verdict.holds == (not wrong)
    assert bool(verdict.detail) == bool(wrong and "none_running" not in wrong)


def test_table_counts_what_held_by_place():
    trials = [
        Trial("kill", "train", HOLDS, faults=3),
        Trial("kill", "train", replace(HOLDS, one_run=False), faults=2),
        Trial("kill", "report", HOLDS),
    ]
    train, report = rows_of("kills", trials, seconds=90)
    assert (train["trials"], train["faults"], train["identical"], train["one_run"]) == (2, 5, 2, 1)
    assert (report["where"], report["trials"], report["minutes"]) == ("report", 1, 1.5)
