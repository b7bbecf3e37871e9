import runpy
import sys

import pytest

from benchmarks.__main__ import BENCHMARKS
from benchmarks.running import parse_names
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
