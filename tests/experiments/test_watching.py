"""Findings of a training that runs: healthy, diverging, and gone on with."""

import json

import pytest

from tests.support.small import config, digits
from tests.support.trainings import VALID, N, failing, started
from vaeline.core.params import read_yaml
from vaeline.diagnosis.finding import load_findings, problems
from vaeline.experiments import watching
from vaeline.experiments.watching import OUTPUT, SETTLED, kept, of_training, watched
from vaeline.training.epoch import TrainingDivergedError
from vaeline.training.fit import fit


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An empty workspace, which is nobody's commit."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.delenv("DVC_EXP_NAME", raising=False)
    (tmp_path / "params.yaml").write_text("beta: 1.0\n")
    monkeypatch.setattr("vaeline.provenance.commands.differing", lambda params: {"seed": 7} if params else {})
    return tmp_path


def watch(params, objective=None, earlier=(), training=None, logged=None):
    training = training or started(params, objective)
    epochs = fit(training, digits(N), VALID, params)
    logged = {} if logged is None else logged
    return list(watched(epochs, training, earlier, params.to_dict(), logged.update)), logged


def test_a_healthy_training_leaves_healthy_findings_and_says_nothing(place, capsys):
    records, logged = watch(config(epochs=2))
    assert [record.epoch for record in records] == [1, 2]
    (found,) = load_findings(OUTPUT)
    assert (found.name, found.level) == ("unstable_training", "healthy")
    assert logged == {}
    assert "Unstable" not in capsys.readouterr().err


@pytest.mark.parametrize("experiment", [None, "beta=4"])
def test_one_that_diverges_leaves_its_findings_everywhere_and_fails_all_the_same(
    place, capsys, monkeypatch, experiment
):
    if experiment:
        monkeypatch.setenv("DVC_EXP_NAME", experiment)
    logged = {}
    params = config(max_skipped_updates=2, epochs=5)
    with pytest.raises(TrainingDivergedError):
        watch(params, failing(*range(4, 100)), logged=logged)
    (found,) = load_findings(OUTPUT)
    assert (found.name, found.level) == ("unstable_training", "problem")
    assert {one.name: one.value for one in found.evidence}["skipped_updates"] >= 3
    assert found.command.startswith("dvc exp run -S seed=7 -S learning_rate=0.0001 -S grad_clip=1")
    assert found.command in capsys.readouterr().err
    assert logged == {str(OUTPUT): "findings"}
    beside = place / ".scratch/experiments/beta=4.findings.json"
    assert beside.is_file() == bool(experiment)
    if experiment:
        assert kept(experiment).resolve() == beside
        assert beside.read_bytes() == OUTPUT.read_bytes()


def test_a_problem_is_told_once_when_it_is_first_there(place, capsys):
    records, _ = watch(config(epochs=5), failing(4))
    assert len(records) == 5
    said = capsys.readouterr().err
    assert said.count("- Unstable training: 1 updates were not finite") == 1
    assert said.count("-S learning_rate=0.0001") == 1
    assert next(one.name for one in problems(load_findings(OUTPUT))) == "unstable_training"


def test_a_collapse_is_told_of_when_some_epochs_together_have_no_rate(place, capsys):
    params = config(beta=1000.0, epochs=SETTLED + 1)
    training, records, told = started(params), [], []
    for record in watched(fit(training, digits(N), VALID, params), training, [], params.to_dict(), dict):
        records.append(record)
        told.append("Posterior collapse" in capsys.readouterr().err)
    assert all(record.valid_kl < 1 for record in records)
    assert told == [False] * (SETTLED - 1) + [True, False]
    assert problems(load_findings(OUTPUT))[0].changes == {"beta": 1.0}


def test_the_first_epochs_may_be_without_a_rate(place):
    """A warm-up that ends well is no collapse: the largest rate of the last ones counts."""
    params = config(epochs=1)
    training = started(params)
    (record,) = fit(training, digits(N), VALID, params)
    rates = [0.0, 0.1, 0.2, 5.0, 6.0]
    records = [type(record)(**vars(record) | {"valid_kl": rate}) for rate in rates]
    levels = [
        {one.name: one.level for one in of_training(training, records[:n], params.to_dict())}
        for n in range(1, 6)
    ]
    assert [level.get("posterior_collapse") for level in levels] == [
        None,
        None,
        "problem",
        "healthy",
        "healthy",
    ]


def test_one_that_goes_on_counts_what_was_before(place):
    """Its monitor and its epochs are those of the whole training."""
    params = config(epochs=4)
    whole, parts = started(params, failing(1)), started(config(epochs=2), failing(1))
    list(watched(fit(whole, digits(N), VALID, params), whole, [], params.to_dict(), dict))
    expected = json.loads(OUTPUT.read_text())
    first, _ = watch(config(epochs=2), training=parts)
    assert [one["name"] for one in json.loads(OUTPUT.read_text())["findings"]] == ["unstable_training"]
    again = started(params)
    again.load_state_dict(parts.state_dict())
    watch(params, training=again, earlier=first)
    found = json.loads(OUTPUT.read_text())
    assert [one["name"] for one in found["findings"]] == [one["name"] for one in expected["findings"]]
    values = [
        {e["name"]: e["value"] for f in each["findings"] for e in f["evidence"]} for each in (found, expected)
    ]
    assert values[0].keys() == values[1].keys()
    assert values[0]["skipped_updates"] == values[1]["skipped_updates"] == 1


def test_the_findings_of_an_experiment_lie_where_its_copy_of_the_repository_is_not(place, monkeypatch):
    monkeypatch.setenv("DVC_ROOT", str(place / "parent"))
    assert kept("one") == place / "parent/.scratch/experiments/one.findings.json"
    assert watching.workspace() == place / "parent"
    assert read_yaml("params.yaml") == {"beta": 1.0}
