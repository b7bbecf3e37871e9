import runpy
import subprocess
import sys

import pytest

from benchmarks.__main__ import BENCHMARKS
from benchmarks.copied import copy_repository
from benchmarks.harness import Ratio
from benchmarks.running import measure_and_write, parse_names
from tests.conftest import ROOT


def chosen(*arguments: str) -> list[str]:
    return parse_names(arguments, BENCHMARKS, "python -m benchmarks", None)


def test_without_names_every_benchmark_runs():
    assert chosen() == list(BENCHMARKS)


def test_benchmarks_run_in_the_order_of_their_names_on_the_command_line():
    assert chosen("iwae", "epoch") == ["iwae", "epoch"]


def test_unknown_benchmark_is_an_error_that_lists_the_known_ones(capsys):
    with pytest.raises(SystemExit) as stopped:
        chosen("epochs")
    assert stopped.value.code == 2
    assert "there is no benchmark 'epochs'; choose from: epoch small_batch" in capsys.readouterr().err


def test_what_was_measured_is_written_before_a_later_benchmark_fails(capsys):
    def failing() -> list[Ratio]:
        raise RuntimeError("no such peer")

    benchmarks = {"epoch": lambda: [Ratio.of("epoch", "pythae", [1.5, 2.0, 2.5], 2.0)], "conv": failing}
    written: list[dict] = []
    with pytest.raises(RuntimeError, match="no such peer"):
        measure_and_write(["epoch", "conv"], benchmarks, {"commit": "abc"}, written.extend)
    (row,) = written
    assert (row["group"], row["ratio"], row["commit"]) == ("epoch", 2.0, "abc")
    assert "epoch: 2 × pythae" in capsys.readouterr().out


def test_copy_of_the_repository_has_all_that_stages_read(at_the_root, tmp_path):
    copy_repository(tmp_path)
    tracked = subprocess.check_output(["git", "ls-files", "src", "stages"], text=True).split()
    assert [name for name in tracked if not (tmp_path / name).is_file()] == []
    assert not (tmp_path / "dvc.lock").exists()
    assert not subprocess.check_output(["git", "status", "--short"], text=True, cwd=tmp_path)


PROGRAMS = [path.stem for path in (ROOT / "benchmarks").glob("*.py") if "__main__" in path.read_text()]


@pytest.mark.parametrize("program", sorted(PROGRAMS))
def test_help_of_a_program_starts_no_work(program, monkeypatch, capsys):
    name = f"benchmarks.{program}".removesuffix(".__main__")
    monkeypatch.setattr(sys, "argv", [name, "--help"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module(name, run_name="__main__")
    assert ended.value.code == 0
    assert f"usage: python -m {name}" in capsys.readouterr().out


def test_help_describes_every_benchmark_and_runs_none(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--help"])
    monkeypatch.setenv("PATH", "")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        runpy.run_module("benchmarks", run_name="__main__")
    said = capsys.readouterr().out
    for name, benchmark in BENCHMARKS.items():
        assert f"{name}: {benchmark.__doc__.splitlines()[0]}" in said
    assert not list(tmp_path.iterdir())
