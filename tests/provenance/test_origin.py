from pathlib import Path

import pytest

from tests.support.committed import commit_params, git
from vaeline.core.params import flatten_params, param_text
from vaeline.provenance.origin import changes_text, experiment_tags, origin_tags, unsaved_sources


@pytest.fixture
def repository(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for variable in ("DVC_EXP_NAME", "DVC_EXP_BASELINE_REV"):
        monkeypatch.delenv(variable, raising=False)
    commit_params({"beta": 1.0, "seed": 42, "network": {"name": "mlp", "mlp": {"depth": 2}}})
    return tmp_path


def test_nested_params_have_dotted_keys():
    values = {"beta": 1, "network": {"name": "mlp", "mlp": {"depth": 2}}, "empty": {}}
    assert flatten_params(values) == {"beta": 1, "network.name": "mlp", "network.mlp.depth": 2}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (4, "4"),
        (4.0, "4"),
        (0.0, "0"),
        (0.001, "0.001"),
        (1e-5, "1e-05"),
        (True, "True"),
        ("x", "x"),
        (1e300, "1e+300"),
    ],
)
def test_integer_and_equal_float_have_the_same_text(value, expected):
    assert param_text(value) == expected


def test_changes_are_in_the_syntax_of_overrides(repository):
    params = {"beta": 4.0, "seed": 42.0, "network": {"name": "mlp", "mlp": {"depth": 3}}}
    assert changes_text(params) == "beta=4 network.mlp.depth=3"
    assert changes_text({"beta": 1, "seed": 42}) == ""


def test_changes_are_in_the_order_of_the_committed_params_whoever_asks(repository):
    params = {"network": {"mlp": {"depth": 3}, "name": "mlp"}, "seed": 7, "beta": 4.0}
    assert changes_text(params) == "beta=4 seed=7 network.mlp.depth=3"


def test_changes_are_from_the_baseline_of_the_experiment(repository, monkeypatch):
    baseline = git("rev-parse", "HEAD")
    Path("params.yaml").write_text("beta: 9.0\nseed: 42\n")
    git("commit", "-qam", "second")
    assert changes_text({"beta": 9.0}) == ""
    monkeypatch.setenv("DVC_EXP_BASELINE_REV", baseline)
    assert changes_text({"beta": 9.0}) == "beta=9"


def test_param_that_the_baseline_lacks_is_not_a_change(repository):
    assert changes_text({"new": 1}) == ""


def test_without_git_there_are_no_changes_and_no_commit(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("DVC_EXP_NAME", raising=False)
    assert changes_text({"beta": 4.0}) == ""
    assert not {"git.commit", "dvc.experiment"} & origin_tags().keys()


def test_tags_identify_commit_experiment_versions_and_machine(repository, monkeypatch):
    import torch

    monkeypatch.setenv("DVC_EXP_NAME", "wide-mouse")
    monkeypatch.setenv("DVC_EXP_BASELINE_REV", "abc")
    tags = origin_tags()
    assert tags["git.commit"] == git("rev-parse", "HEAD")
    assert tags["git.dirty"] == "false"
    assert (experiment_tags(), tags["dvc.baseline"]) == ({"dvc.experiment": "wide-mouse"}, "abc")
    assert (
        tags["version.torch"] == torch.__version__.split("+")[0] or tags["version.torch"] == torch.__version__
    )
    assert {"hardware.cpu", "hardware.cores", "hardware.memory"} <= tags.keys()
    Path("params.yaml").write_text("beta: 2.0\n")  # not code
    assert origin_tags()["git.dirty"] == "false"
    assert unsaved_sources("params.yaml") == ["params.yaml"]
    Path("dvc.yaml").write_text("stages: {}\n")
    git("add", "dvc.yaml")
    assert origin_tags()["git.dirty"] == "true"
