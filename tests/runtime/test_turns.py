"""Of two processes that run one stage in one workspace, the second waits, and says for whom."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from vaeline.runtime.turns import stage_outs, turn

FIRST = """
import sys
sys.path.insert(0, "{source}")
from pathlib import Path
from vaeline.runtime.turns import turn
with turn("train"):
    print("writes", flush=True)
    sys.stdin.readline()
    Path("out/of_the_first").write_text("late")
"""
PIPELINE = """
stages:
  train:
    cmd: x
    outs: [out, alone.csv, never_made]
    metrics: [m.json: {cache: false}]
    plots: [plots]
  fid: {cmd: x}
"""


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    (tmp_path / "dvc.yaml").write_text(PIPELINE)
    (tmp_path / "out").mkdir()
    for name in ("alone.csv", "m.json", "kept.txt"):
        (tmp_path / name).write_text("of the first")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_outs_of_a_stage_are_those_in_dvc_yaml(project):
    assert stage_outs("train") == [*map(Path, ("out", "alone.csv", "never_made", "m.json", "plots"))]


def test_the_second_waits_says_for_whom_and_starts_without_what_the_first_left(project, monkeypatch):
    first = subprocess.Popen(
        [sys.executable, "-c", FIRST.format(source=ROOT / "src")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert first.stdout.readline() == "writes\n"
    said = []

    def say(text: str, **_: object) -> None:
        said.append(text)
        first.communicate("end\n")  # it ends only once the second has said that it waits

    monkeypatch.setattr("builtins.print", say)
    with turn("train"):
        assert said == [
            f"train: process {first.pid} runs this stage here: waiting until it ends (or `kill {first.pid}`)"
        ]
        assert first.returncode == 0
        assert sorted(path.name for path in project.iterdir()) == [".scratch", "dvc.yaml", "kept.txt"]


def test_another_stage_does_not_wait_and_one_that_need_not_wait_removes_nothing(project):
    with turn("train"), turn("fid"):
        assert (project / "alone.csv").exists()
    with turn("train"):
        assert (project / "alone.csv").exists()


def test_what_a_killed_process_did_not_finish_writing_is_removed(project):
    for name in (".alone.csv.x1.csv", ".m.json.x2.json", ".kept.txt.x3.txt"):
        (project / name).write_text("half")
    with turn("train"):
        assert sorted(path.name for path in project.glob(".*")) == [".kept.txt.x3.txt", ".scratch"]
