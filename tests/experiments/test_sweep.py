"""Which experiments of a grid run, what is gathered, and what is said, with experiments that are made up."""

import contextlib
import subprocess
import sys

import pytest

from vaeline.core.errors import VaelineError
from vaeline.experiments import launch, sweep
from vaeline.experiments.find import Experiment
from vaeline.experiments.search import local
from vaeline.experiments.sweep import parse_grid, point_text


class MadeUp:
    """Experiments in a dictionary, in place of DVC: those of `failing` β end with status 1."""

    def __init__(self, *finished: tuple[float, int], failing: tuple[float, ...] = ()) -> None:
        self.finished, self.failing = set(finished), failing
        self.names: list[str] = []

    def find(self, params):
        point = params["beta"], params["latent_dim"]
        return Experiment(f"beta={point[0]}", f"{point[0]}/{point[1]}") if point in self.finished else None

    def metrics_at(self, rev):
        beta = float(rev.split("/")[0])
        return {"evaluate/elbo": -100 - beta, "evaluate/elbo_se": 0.5, "fid/fid_skipped": "no weights"}

    @contextlib.contextmanager
    def running_experiment(self, overrides, name, environment, pull):
        self.names.append(name)
        values = dict(override.split("=") for override in overrides)
        beta, latent_dim = float(values["beta"]), int(values.get("latent_dim", 20))
        launch.log_path(name).parent.mkdir(parents=True, exist_ok=True)
        launch.log_path(name).write_text(f"train: {beta} is too much\n")
        yield subprocess.Popen([sys.executable, "-c", f"raise SystemExit({int(beta in self.failing)})"])
        if beta not in self.failing:
            self.finished.add((beta, latent_dim))


@pytest.fixture
def made_up(monkeypatch, tmp_path, at_the_root):
    def make(*finished, failing=()):
        experiments = MadeUp(*finished, failing=failing)
        for name in ("find", "metrics_at"):
            monkeypatch.setattr(sweep, name, getattr(experiments, name))
        monkeypatch.setattr(local, "running_experiment", experiments.running_experiment)
        return experiments

    monkeypatch.setattr(sweep, "unused_name", str)
    monkeypatch.setattr("vaeline.experiments.search.jobs.LOOK_AGAIN", 0.01)
    monkeypatch.setattr("vaeline.experiments.launch.LOGS", tmp_path)
    return make


def run(*values, shared=(), **more):
    return sweep.sweep({"beta": values, **more}, list(shared), "vaeline sweep …")


def test_only_missing_experiments_run_and_all_are_gathered_in_order(made_up):
    experiments = made_up((1.0, 20))
    swept = run("4", "0.5", "1", "1.0", shared=["epochs=9"])
    assert experiments.names == ["beta=0.5_epochs=9", "beta=4_epochs=9"]
    assert swept.table["beta"].tolist() == [0.5, 1.0, 4.0]
    assert swept.table["elbo"].tolist() == [-100.5, -101.0, -104.0]
    assert swept.table["elbo_se"].tolist() == [0.5] * 3
    assert swept.table["revision"].tolist() == ["0.5/20", "1.0/20", "4.0/20"]
    assert "fid" not in swept.table
    assert swept.failures == {}
    run("4", "0.5", "1", shared=["epochs=9"])
    assert len(experiments.names) == 2  # a second call runs nothing


def test_grid_has_every_combination(made_up):
    experiments = made_up((1.0, 10))
    swept = run("1", "0.5", latent_dim=["20", "10"])
    assert experiments.names == ["beta=0.5_latent_dim=10", "beta=0.5_latent_dim=20", "beta=1_latent_dim=20"]
    points = [(0.5, 10), (0.5, 20), (1.0, 10), (1.0, 20)]
    assert list(swept.table[["beta", "latent_dim"]].itertuples(index=False, name=None)) == points
    assert swept.table["revision"].tolist() == [f"{beta}/{latent_dim}" for beta, latent_dim in points]


def test_failure_is_kept_with_its_reason_and_the_others_run(made_up):
    experiments = made_up(failing=(2.0,))
    swept = run("1", "2", "4")
    assert experiments.names == ["beta=1", "beta=2", "beta=4"]
    assert swept.table["beta"].tolist() == [1.0, 4.0]
    assert list(swept.failures) == [(2.0,)]
    assert "train: 2.0 is too much" in swept.failures[(2.0,)]
    assert str(launch.log_path("beta=2")) in swept.failures[(2.0,)]


def test_experiment_whose_code_changed_while_it_ran_is_no_result(made_up, monkeypatch):
    experiments = made_up()
    find = experiments.find
    monkeypatch.setattr(sweep, "find", lambda params: find(params) if params["beta"] != 2 else None)
    assert run("1", "2").failures == {(2.0,): sweep.CODE_CHANGED}


@pytest.mark.parametrize("wrong", ["-1", "many"])
def test_wrong_value_is_refused_before_anything_runs(made_up, wrong):
    experiments = made_up()
    with pytest.raises(VaelineError, match="beta = "):
        run("1", wrong)
    assert experiments.names == []


def test_param_that_is_swept_and_shared_is_refused(made_up):
    made_up()
    with pytest.raises(VaelineError, match="'beta=3' sets a param that is swept"):
        run("1", "2", shared=["beta=3"])


def test_sweep_of_which_all_experiments_fail_is_an_error(made_up):
    made_up(failing=(2.0,))
    with pytest.raises(VaelineError, match="is too much"):
        run("2")


def test_stopping_starts_no_other_experiment(made_up, monkeypatch):
    experiments = made_up()

    def stopped(job):
        raise KeyboardInterrupt

    monkeypatch.setattr(local.LocalJob, "look", stopped)
    with pytest.raises(KeyboardInterrupt):
        run("1", "2")
    assert experiments.names == ["beta=1"]


@pytest.mark.parametrize(
    ("settings", "grid"),
    [
        (["beta=0.5,1,2"], {"beta": ["0.5", "1", "2"]}),
        (["beta=1", "latent_dim=2, 4"], {"beta": ["1"], "latent_dim": ["2", "4"]}),
        (["gate=[all],[holes,underfitting]"], {"gate": ["[all]", "[holes,underfitting]"]}),
        (["notes='a, b',c"], {"notes": ["'a, b'", "c"]}),
        (["notes='a=b'"], {"notes": ["'a=b'"]}),
        (["notes='it\\'s, well',\"b,c\""], {"notes": ["'it\\'s, well'", '"b,c"']}),
        (["learning_rate=1e-3,0.01"], {"learning_rate": ["0.001", "0.01"]}),
        (["seed=range(1,4)"], {"seed": ["1", "2", "3"]}),
        (["seed=1..3"], {"seed": ["1", "2", "3"]}),
        (["notes='1..3'"], {"notes": ["'1..3'"]}),
    ],
)
def test_grid_is_parsed_at_the_commas_outside_brackets_and_quotes(settings, grid):
    assert parse_grid(settings) == grid


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["beta"], "'beta' is no range: expected key=value,value,…"),
        (["beta="], "'beta=' is no range"),
        (["=1"], "'=1' is no range"),
        (["beta=,"], "'beta=,' is no range"),
        (["beta=1", "beta=2"], "'beta' is swept twice"),
        (["seed=5..1"], "seed=5..1 has no values: did you mean 1..5?"),
        (["seed=0..1000"], "seed=0..1000 has more than 1000 values: use fewer"),
    ],
)
def test_wrong_range_is_one_line(settings, message):
    with pytest.raises(VaelineError) as caught:
        parse_grid(settings)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("overrides", "name"),
    [
        (["beta=0.5", "data.name=digits"], "beta=0.5_data.name=digits"),
        (["data.path='../a b'"], "data.path=__._a_b_"),
        (["notes=a.lock"], "notes=a_lock"),
        (["notes=a..."], "notes=a___"),
    ],
)
def test_name_of_an_experiment_is_one_for_git_and_for_a_file(overrides, name):
    named = sweep.experiment_name(overrides)
    assert named == name
    subprocess.run(["git", "check-ref-format", f"refs/exps/{named}"], check=True)


def test_long_names_are_shortened_and_still_differ():
    names = {sweep.experiment_name([f"notes={'é' * 300}{i}"]) for i in range(3)}
    assert len(names) == 3
    assert max(len(f"{name}-12.findings.json".encode()) for name in names) < 255


def test_lists_can_be_swept(made_up, monkeypatch):
    experiments = made_up((1.0, 20))
    gates = []
    monkeypatch.setattr(
        sweep, "find", lambda params: gates.append(params["gate"]) or experiments.find(params)
    )
    swept = sweep.sweep({"gate": ["[]", "[holes,underfitting]"]}, ["beta=1"], "vaeline sweep …")
    assert swept.table["gate"].tolist() == ["['holes', 'underfitting']", "[]"]
    assert ["holes", "underfitting"] in gates


def test_point_is_named_by_its_params():
    assert point_text(["beta", "data.name"], (4.0, "digits")) == "beta = 4, data.name = digits"
