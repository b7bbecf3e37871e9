"""Finding and reading experiments, in a repository that git alone made; tests/pipeline has DVC's own."""

from pathlib import Path

import pytest

from tests.support.committed import CODE, DEFAULT, FOLDER, dump, git, keep, ran, results
from vaeline.core.errors import VaelineError
from vaeline.core.yaml import read_yaml
from vaeline.experiments import find
from vaeline.experiments.find import Experiment
from vaeline.provenance.dependencies import dependency_hash
from vaeline.runtime.stage import MEASURED_STAGES


def test_params_are_those_of_the_workspace_with_the_overrides(committed):
    dump("params.yaml", DEFAULT | {"epochs": 7})
    changed = find.params_with(["beta=0.5", "data.name=digits", "learning_rate=1e-4"])
    assert changed == DEFAULT | {
        "epochs": 7, "beta": 0.5, "learning_rate": 1e-4, "data": DEFAULT["data"] | {"name": "digits"}
    }  # fmt: skip


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("betta=4", "params.yaml with these changes: unknown key 'betta' (did you mean 'beta'?)"),
        ("beta=-4", "beta = -4 is not allowed"),
        ("beta", "'beta' is no override: use key=value"),
        ("network=conv", "params.yaml with these changes: unknown key 'network'"),
        ("notes=\x1b", "DVC cannot read the value of 'notes=\\x1b'"),
    ],
)
def test_wrong_override_is_one_line(committed, override, line):
    with pytest.raises(VaelineError) as caught:
        find.params_with([override])
    assert line in str(caught.value)


def test_committed_results_are_found_by_their_params(committed):
    experiment = find.find(DEFAULT)
    assert experiment == Experiment("HEAD", git("rev-parse", "HEAD"))
    assert find.metrics_at(experiment.rev) == {f"{stage}/elbo": -1.0 for stage in MEASURED_STAGES}
    assert find.find(DEFAULT | {"beta": 4.0}) is None


def test_experiment_is_found_under_any_name_and_from_any_later_commit(committed):
    ran(DEFAULT | {"beta": 4}, -4.0)
    made = keep("by-hand")
    Path("README.md").write_text("new")
    git("add", "-A")
    git("commit", "-qm", "no code")
    assert find.find(DEFAULT | {"beta": 4.0}) == made
    assert find.metrics_at(made.rev)["evaluate/elbo"] == -4.0
    assert find.find(DEFAULT | {"beta": 4.0, "notes": "x"}) is None


def test_experiment_of_other_code_is_not_found(committed):
    ran(DEFAULT | {"beta": 4.0}, -4.0)
    made = keep("old")
    Path(CODE).write_text("one = 2\n")
    assert find.find(DEFAULT | {"beta": 4.0}) is None
    ran(DEFAULT | {"beta": 4.0}, -3.0)
    newer = keep("new")
    assert find.find(DEFAULT | {"beta": 4.0}) == made  # the code is back where it was
    git("checkout", newer.rev, "--", CODE)
    assert find.find(DEFAULT | {"beta": 4.0}) == newer


def test_folder_of_code_counts_without_its_bytecode(committed):
    Path(FOLDER, "__pycache__").mkdir()
    Path(FOLDER, "__pycache__", "digits.pyc").write_text("bytecode")
    assert find.find(DEFAULT)
    Path(FOLDER, "more.py").write_text("three = 3\n")
    assert find.find(DEFAULT) is None


def test_folder_of_images_counts_with_its_content_however_its_path_is_written(committed):
    def with_folder(path):
        return DEFAULT | {"data": DEFAULT["data"] | {"path": path}}

    Path("mine").mkdir()
    Path("mine/1.png").write_text("one")
    pipeline = read_yaml("dvc.yaml")
    pipeline["stages"]["train"]["deps"].append("${data.path}")
    dump("dvc.yaml", pipeline)
    ran(with_folder("mine"), -1.0)
    lock = read_yaml("dvc.lock")
    lock["stages"]["train"]["deps"].append({"path": "mine", "md5": dependency_hash("mine")})
    dump("dvc.lock", lock)
    git("add", "-A")
    git("commit", "-qm", "images")
    for path in ("mine", "./mine/", str(Path("mine").absolute())):
        assert find.find(with_folder(path)), path
    assert find.find(with_folder("src")) is None
    Path("mine/2.png").write_text("two")
    assert find.find(with_folder("mine")) is None


def test_params_that_no_stage_has_run_with_are_not_found(committed):
    """Such as after `dvc exp run -S beta=4 prepare`: the metrics are still those of the run before."""
    dump("params.yaml", DEFAULT | {"beta": 4.0})
    keep("half")
    assert find.find(DEFAULT | {"beta": 4.0}) is None


def test_same_commit_in_two_repositories_is_found_in_both(tmp_path, monkeypatch):
    """Such as in two clones: `data.path` leads to another place in each."""
    monkeypatch.setenv("GIT_AUTHOR_DATE", "2026-01-01T00:00:00Z")
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2026-01-01T00:00:00Z")
    revs = set()
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        results()
        assert find.find(DEFAULT)
        revs.add(git("rev-parse", "HEAD"))
    assert len(revs) == 1
