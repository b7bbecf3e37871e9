"""What a sweep runs, leaves, gathers and says, with experiments that are made up."""

import contextlib
import subprocess
import sys

import pytest

from vaeline.core.errors import VaelineError
from vaeline.experiments import launch, sweep
from vaeline.experiments.find import Experiment


class Made:
    """Experiments in a dictionary, in place of DVC: those of `failing` β end with status 1."""

    def __init__(self, *there: float, failing: tuple[float, ...] = ()) -> None:
        self.there, self.failing = set(there), failing
        self.names: list[str] = []

    def find(self, params):
        beta = params["beta"]
        return Experiment(f"beta={beta}", str(beta)) if beta in self.there else None

    def metrics(self, rev):
        return {"evaluate/elbo": -100 - float(rev), "evaluate/elbo_se": 0.5, "fid/fid_skipped": "why"}

    @contextlib.contextmanager
    def started(self, overrides, name):
        self.names.append(name)
        beta = float(overrides[-1].removeprefix("beta="))
        launch.log_path(name).parent.mkdir(parents=True, exist_ok=True)
        launch.log_path(name).write_text(f"train: {beta} is too much\n")
        yield subprocess.Popen([sys.executable, "-c", f"raise SystemExit({int(beta in self.failing)})"])
        if beta not in self.failing:
            self.there.add(beta)


@pytest.fixture
def made(monkeypatch, tmp_path, at_the_root):
    def make(*there, failing=()):
        experiments = Made(*there, failing=failing)
        for name in ("find", "metrics", "started"):
            monkeypatch.setattr(sweep, name, getattr(experiments, name))
        return experiments

    monkeypatch.setattr("vaeline.experiments.launch.LOGS", tmp_path)
    monkeypatch.setattr(launch.signal, "signal", lambda *_: None)
    return make


def run(*values, shared=()):
    return sweep.sweep("beta", values, shared, "make frontier")


def test_only_what_is_missing_runs_and_all_of_it_is_gathered_in_order(made):
    experiments = made(1.0)
    swept = run("4", "0.5", "1", "1.0", shared=["epochs=9"])
    assert experiments.names == ["beta=0.5_epochs=9", "beta=4_epochs=9"]
    assert swept.table["beta"].tolist() == [0.5, 1.0, 4.0]
    assert swept.table["elbo"].tolist() == [-100.5, -101.0, -104.0]
    assert swept.table["elbo_se"].tolist() == [0.5] * 3
    assert swept.table["revision"].tolist() == ["0.5", "1.0", "4.0"]
    assert "fid" not in swept.table
    assert swept.failures == {}
    run("4", "0.5", "1", shared=["epochs=9"])
    assert len(experiments.names) == 2  # a second call runs nothing


def test_a_failure_is_kept_with_its_reason_and_the_others_run(made):
    experiments = made(failing=(2.0,))
    swept = run("1", "2", "4")
    assert experiments.names == ["beta=1", "beta=2", "beta=4"]
    assert swept.table["beta"].tolist() == [1.0, 4.0]
    assert list(swept.failures) == [2.0]
    assert "train: 2.0 is too much" in swept.failures[2.0]
    assert str(launch.log_path("beta=2")) in swept.failures[2.0]


def test_code_that_changes_during_a_run_is_not_taken_for_a_result(made, monkeypatch):
    experiments = made()
    find = experiments.find
    monkeypatch.setattr(sweep, "find", lambda params: find(params) if params["beta"] != 2 else None)
    assert run("1", "2").failures == {2.0: sweep.CHANGED}


@pytest.mark.parametrize("wrong", ["-1", "many"])
def test_a_wrong_value_is_refused_before_anything_runs(made, wrong):
    experiments = made()
    with pytest.raises(VaelineError, match="beta = "):
        run("1", wrong)
    assert experiments.names == []


def test_where_nothing_came_of_it_there_is_no_table(made):
    made(failing=(2.0,))
    with pytest.raises(VaelineError, match="is too much"):
        run("2")


def test_the_command_takes_its_values_from_the_environment(made, monkeypatch, capsys):
    made(failing=(3.0,))
    monkeypatch.setenv("BETA", "3 0.5")
    monkeypatch.setenv("SET", "epochs=9 notes='two words'")
    seen = []
    with pytest.raises(SystemExit, match="frontier: 1 failed"):
        sweep.command("frontier", "BETA", "1", lambda swept: seen.append(swept) or "the table")
    (swept,) = seen
    assert swept.table["beta"].tolist() == [0.5]
    assert swept.shared == ["epochs=9", "notes=two words"]
    assert swept.command.startswith('make frontier BETA="3 0.5" SET="epochs=9')
    assert "the table" in capsys.readouterr().out


def test_without_values_the_defaults_run(made, monkeypatch):
    experiments = made()
    monkeypatch.setenv("BETA", "")  # `make frontier BETA=`
    monkeypatch.delenv("SET", raising=False)
    sweep.command("frontier", "BETA", "1 2", lambda swept: "")
    assert experiments.names == ["beta=1", "beta=2"]


def test_stopped_it_says_how_to_go_on(made, monkeypatch):
    experiments = made()

    def stopped(process, name, shown):
        process.wait()
        raise KeyboardInterrupt

    monkeypatch.setattr(sweep, "watch", stopped)
    monkeypatch.setenv("BETA", "1 2")
    with pytest.raises(SystemExit, match="frontier: stopped; the same command goes on"):
        sweep.command("frontier", "BETA", "1", lambda swept: "")
    assert experiments.names == ["beta=1"]
