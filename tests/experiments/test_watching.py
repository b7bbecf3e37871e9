"""Findings while a training runs: healthy, diverging, resumed."""

import json

import pytest

from vaeline.config import ExperimentConfig
from vaeline.core.yaml import read_yaml
from vaeline.diagnosis.finding import load_findings, problems
from vaeline.experiments import watching
from vaeline.experiments.watching import SETTLED, Watch, answers, kept

CONFIG = ExperimentConfig().to_dict() | {"beta": 1000.0}
HEALTHY = {"step": 100, "skipped_updates": 0, "spikes": 0, "largest_variance": 1.0, "valid_kl": 5.0}


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An empty workspace, which is nobody's commit."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.delenv("DVC_EXP_NAME", raising=False)
    (tmp_path / "params.yaml").write_text("beta: 1.0\n")
    monkeypatch.setattr(
        "vaeline.diagnosis.remedy_commands.changed_params", lambda params: {"seed": 7} if params else {}
    )
    return tmp_path


def watch(place, *earlier):
    return Watch(CONFIG, earlier, place / "findings.json")


def test_a_healthy_training_has_nothing_to_be_told_of(place):
    judge = watch(place)
    assert [judge.epoch(HEALTHY) for _ in range(5)] == [""] * 5
    levels = {finding.name: finding.level for finding in judge.findings(HEALTHY)}
    assert levels == {"unstable_training": "healthy", "posterior_collapse": "healthy"}
    assert not (place / "findings.json").exists()


@pytest.mark.parametrize("experiment", [None, "beta=4"])
def test_a_training_that_diverges_leaves_its_findings_everywhere(place, monkeypatch, experiment):
    if experiment:
        monkeypatch.setenv("DVC_EXP_NAME", experiment)
    text = watch(place).diverged({**HEALTHY, "skipped_updates": 3})
    (finding,) = load_findings(place / "findings.json")
    assert (finding.name, finding.level) == ("unstable_training", "problem")
    assert {one.name: one.value for one in finding.evidence}["skipped_updates"] == 3
    assert finding.command.startswith("dvc exp run -S seed=7 -S learning_rate=0.0001 -S grad_clip=1")
    assert finding.command in text
    copy = place / ".scratch/experiments/beta=4.findings.json"
    assert copy.is_file() == bool(experiment)
    if experiment:
        assert kept(experiment).resolve() == copy
        assert copy.read_bytes() == (place / "findings.json").read_bytes()


def test_a_problem_is_told_once_when_it_first_appears(place):
    judge = watch(place)
    unstable = {**HEALTHY, "skipped_updates": 1}
    texts = [judge.epoch(measures) for measures in (HEALTHY, unstable, unstable, unstable)]
    assert "- Unstable training: 1 updates were not finite" in texts[1]
    assert texts[1].count("-S learning_rate=0.0001") == 1
    assert [bool(text) for text in texts] == [False, True, False, False]
    assert next(finding.name for finding in problems(judge.findings(unstable))) == "unstable_training"


def test_a_collapse_is_told_when_some_epochs_together_have_no_rate(place):
    judge = watch(place)
    collapsed = {**HEALTHY, "valid_kl": 0.1}
    told = ["Posterior collapse" in judge.epoch(collapsed) for _ in range(SETTLED + 1)]
    assert told == [False] * (SETTLED - 1) + [True, False]
    assert problems(judge.findings(collapsed))[0].changes == {"beta": 1.0}


def test_the_first_epochs_may_be_without_a_rate(place):
    """A warm-up that ends well is no collapse: the largest rate of the last epochs counts."""
    judge, levels = watch(place), []
    for rate in (0.0, 0.1, 0.2, 5.0, 6.0):
        judge.epoch({**HEALTHY, "valid_kl": rate})
        levels.append({finding.name: finding.level for finding in judge.findings(HEALTHY)})
    assert [level.get("posterior_collapse") for level in levels] == [
        None,
        None,
        "problem",
        "healthy",
        "healthy",
    ]


def test_epochs_without_a_validation_say_nothing_of_the_rate(place):
    judge = watch(place)
    collapsed, unvalidated = {**HEALTHY, "valid_kl": 0.1}, dict(HEALTHY)
    del unvalidated["valid_kl"]
    epochs = [collapsed, unvalidated] * SETTLED
    told = ["Posterior collapse" in judge.epoch(measures) for measures in epochs]
    assert told.index(True) == len(epochs) - 2
    resumed = watch(place, *epochs[:-2])
    assert "Posterior collapse" in resumed.epoch(collapsed)


def test_a_resumed_training_counts_the_epochs_before(place):
    collapsed = {**HEALTHY, "valid_kl": 0.1}
    resumed = watch(place, *[collapsed] * (SETTLED - 1))
    assert "Posterior collapse" in resumed.epoch(collapsed)


def test_every_line_but_the_first_is_answered_with_one(place):
    first = {"config": CONFIG, "earlier": [HEALTHY], "findings": str(place / "findings.json")}
    unstable = {**HEALTHY, "skipped_updates": 9}
    messages = [first, {"measures": HEALTHY}, {"measures": unstable}, {"diverged": unstable}]
    lines = list(answers(map(json.dumps, messages)))
    assert all("\n" not in line for line in lines)
    texts = [json.loads(line)["text"] for line in lines]
    assert texts[0] == ""
    assert all("Unstable training" in text for text in texts[1:])
    assert problems(load_findings(place / "findings.json"))


def test_a_training_that_sends_nothing_is_not_answered():
    assert list(answers([])) == []


def test_the_findings_of_an_experiment_lie_in_the_repository_and_not_in_its_copy(place, monkeypatch):
    monkeypatch.setenv("DVC_ROOT", str(place / "parent"))
    assert kept("one") == place / "parent/.scratch/experiments/one.findings.json"
    assert watching.workspace() == place / "parent"
    assert read_yaml("params.yaml") == {"beta": 1.0}
