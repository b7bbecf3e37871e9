"""Finding, running and reading experiments, in a repository of git alone; tests/pipeline has DVC's own."""

import contextlib
import hashlib
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from vaeline import experiments
from vaeline.config import ExperimentConfig
from vaeline.errors import VaelineError
from vaeline.experiments import Experiment
from vaeline.report import STAGES

CODE = "src/vaeline/model.py"
DEFAULT = ExperimentConfig().to_dict()


def git(*arguments: str) -> str:
    return subprocess.check_output(["git", *arguments], text=True).strip()


def dump(path: str, content: dict) -> None:
    with Path(path).open("w") as file:
        YAML().dump(content, file)


def ran(params: dict, elbo: float) -> None:
    """Leaves in the workspace what a run of the pipeline leaves: params, metrics and the lock file."""
    dump("params.yaml", params)
    for stage in STAGES:
        Path(f"outputs/{stage}").mkdir(parents=True, exist_ok=True)
        Path(f"outputs/{stage}/metrics.json").write_text(json.dumps({"elbo": elbo}))
    md5 = hashlib.md5(Path(CODE).read_bytes()).hexdigest()
    recorded = {"params.yaml": {"beta": params["beta"], "data": params["data"]}}
    entry = {"cmd": "run me", "deps": [{"path": CODE, "md5": md5}], "params": recorded}
    dump("dvc.lock", {"stages": {"train": entry}})


def keep(name: str) -> Experiment:
    """Makes an experiment of the workspace, as DVC does, and puts the workspace back."""
    head = git("rev-parse", "HEAD")
    git("add", "-A")
    rev = git("commit-tree", git("write-tree"), "-p", head, "-m", name)
    git("update-ref", f"refs/exps/{head[:2]}/{head[2:]}/{name}", rev)
    git("reset", "-q", "--hard")
    return Experiment(name, rev)


@pytest.fixture
def repository(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    git("init", "-q")
    git("config", "user.name", "test")
    git("config", "user.email", "test@example.com")
    Path(CODE).parent.mkdir(parents=True)
    Path(CODE).write_text("one = 1\n")
    stage = {"cmd": "run me", "deps": [CODE, "data"], "params": ["beta", "data"]}
    dump("dvc.yaml", {"stages": {"train": stage}})
    ran(DEFAULT, -1.0)
    git("add", "-A")
    git("commit", "-qm", "results")


def test_params_are_those_of_the_workspace_with_the_overrides(repository):
    dump("params.yaml", DEFAULT | {"epochs": 7})
    changed = experiments.params_with(["beta=0.5", "data.name=digits", "learning_rate=1e-4"])
    assert changed == DEFAULT | {
        "epochs": 7, "beta": 0.5, "learning_rate": 1e-4, "data": DEFAULT["data"] | {"name": "digits"}
    }  # fmt: skip


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("betta=4", "params.yaml has no 'betta': did you mean 'beta'?"),
        ("beta=-4", "beta = -4 is not allowed"),
        ("beta", "'beta' is no override: expected key=value"),
        ("network=conv", "params.yaml has no 'network'"),
    ],
)
def test_a_wrong_override_is_one_line(repository, override, line):
    with pytest.raises(VaelineError) as caught:
        experiments.params_with([override])
    assert line in str(caught.value)


def test_the_committed_results_are_found_by_their_params(repository):
    found = experiments.find(DEFAULT)
    assert found == Experiment("HEAD", git("rev-parse", "HEAD"))
    assert experiments.metrics(found.rev) == {f"{stage}/elbo": -1.0 for stage in STAGES}
    assert experiments.find(DEFAULT | {"beta": 4.0}) is None


def test_an_experiment_is_found_under_any_name_and_from_any_later_commit(repository):
    ran(DEFAULT | {"beta": 4}, -4.0)
    made = keep("by-hand")
    Path("README.md").write_text("new")
    git("add", "-A")
    git("commit", "-qm", "no code")
    assert experiments.find(DEFAULT | {"beta": 4.0}) == made
    assert experiments.metrics(made.rev)["evaluate/elbo"] == -4.0
    assert experiments.find(DEFAULT | {"beta": 4.0, "notes": "x"}) is None


def test_what_other_code_has_made_does_not_count(repository):
    ran(DEFAULT | {"beta": 4.0}, -4.0)
    made = keep("old")
    Path(CODE).write_text("one = 2\n")
    assert experiments.find(DEFAULT | {"beta": 4.0}) is None
    ran(DEFAULT | {"beta": 4.0}, -3.0)
    newer = keep("new")
    assert experiments.find(DEFAULT | {"beta": 4.0}) == made  # the code is back where it was
    git("checkout", newer.rev, "--", CODE)
    assert experiments.find(DEFAULT | {"beta": 4.0}) == newer


def test_params_that_no_stage_has_run_with_do_not_count(repository):
    """Such as after `dvc exp run -S beta=4 prepare`: the metrics are still those of the run before."""
    dump("params.yaml", DEFAULT | {"beta": 4.0})
    keep("half")
    assert experiments.find(DEFAULT | {"beta": 4.0}) is None


def test_a_name_that_is_taken_gets_a_number(repository):
    assert experiments._free("beta=4") == "beta=4"
    keep("beta=4")
    assert experiments._free("beta=4") == "beta=4-2"


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        ("train: 9 updates were NaN\nERROR: failed to reproduce 'train'\n", "train: 9 updates were NaN"),
        (
            "train:  9%\rtrain: 10%\nTraceback\nRuntimeError: odd\nERROR: failed to reproduce 'train'\n",
            "RuntimeError: odd",
        ),
        ("Reproducing\nERROR: the disk is full\n\nHaving any troubles?\n", "the disk is full"),
        ("ERROR: failed to reproduce 'train'\n", "failed to reproduce 'train'"),
        ("killed\n", "killed"),
        ("", "it printed nothing"),
    ],
)
def test_a_failure_is_told_by_the_line_that_says_most(tmp_path, monkeypatch, log, reason):
    monkeypatch.chdir(tmp_path)
    experiments.log("one").parent.mkdir(parents=True)
    experiments.log("one").write_text(log)
    assert experiments.failure("one") == f"one failed: {reason} (all of it: .scratch/experiments/one.log)"


def test_in_a_shallow_clone_nothing_is_started(repository, tmp_path, monkeypatch):
    git("commit", "--allow-empty", "-qm", "another")
    git("clone", "-q", "--depth", "1", tmp_path.as_uri(), "shallow")
    monkeypatch.chdir("shallow")
    with pytest.raises(VaelineError, match="git fetch --unshallow"), experiments.started([], "one"):
        pass


def test_changed_files_without_an_identity_are_told(repository, monkeypatch):
    git("config", "user.name", "")
    Path(CODE).write_text("one = 2\n")
    with pytest.raises(VaelineError, match="git config"), experiments.started([], "one"):
        pass


def test_an_interruption_stops_what_was_started(repository, monkeypatch, tmp_path):
    """A python that stands in for DVC, and starts a stage as DVC does: both must be gone."""
    fake = tmp_path / "fake"
    (fake / "dvc").mkdir(parents=True)
    (fake / "dvc" / "__init__.py").touch()
    (fake / "dvc" / "__main__.py").write_text(
        "import subprocess, sys\n"
        "stage = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(300)'])\n"
        "print(stage.pid, *sys.argv[1:], flush=True)\n"
        "stage.wait()\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(fake))
    with contextlib.suppress(KeyboardInterrupt), experiments.started(["beta=4"], "one") as process:
        deadline = time.monotonic() + 60
        while not experiments.log("one").read_text().endswith("\n"):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        raise KeyboardInterrupt
    pid, *arguments = experiments.log("one").read_text().splitlines()[0].split()
    assert arguments == ["exp", "run", "--temp", "-n", "one", "-S", "beta=4"]
    assert process.poll() is not None
    status = Path(f"/proc/{pid}/stat")  # a child that nobody waits for stays as a zombie
    assert sys.platform != "linux" or not status.exists() or status.read_text().split()[2] == "Z"
