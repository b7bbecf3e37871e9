"""What a case makes of its two trainings, with trials that are made up, and which trainings run."""

import json
import shlex
from dataclasses import asdict
from pathlib import Path

import pytest
from scipy.stats import binomtest

from vaeline.core.errors import VaelineError
from vaeline.core.nouns import IMAGE
from vaeline.diagnosis.detection import run_detectors
from vaeline.diagnosis.detectors import DETECTORS
from vaeline.diagnosis.finding import Evidence, Finding, save_findings
from vaeline.diagnosis.remedy_commands import with_remedy_commands
from vaeline.experiments.clinic import cases, page, run
from vaeline.experiments.clinic import trial as trials
from vaeline.experiments.clinic.trial import Trial
from vaeline.experiments.find import params_with
from vaeline.experiments.presets import preset_overrides
from vaeline.provenance.closure import stage_code

NAME = "holes-beta"
KEYS = {"mode", "provoked_with", "evidence", "found", "remedy", "after", "cured"}


@pytest.fixture(autouse=True)
def _at_the_root(at_the_root):
    pass


def made(
    level,
    value,
    elbo=None,
    name="holes",
    sure=0.99,
    command="dvc exp run -S beta=1 -S 'notes='\"'\"'a b'\"'\"''",
):
    finding = Finding(
        name,
        name,
        level,
        sure,
        "said",
        [Evidence("coverage_ratio", value, 0.1, "below", se=0.01, reason="so it is")],
        cause="a cause" if level == "problem" else "",
        changes={"beta": 1.0} if level == "problem" else {},
        command=command if level == "problem" else "",
    )
    measures = {} if elbo is None else {"best_valid_elbo": elbo, "best_valid_elbo_se": 0.5}
    return Trial([finding], measures, 60.0 + 100 * value)


def row_of(monkeypatch, before, after):
    """Returns the case's row for the outcomes of its two trainings, and what was run."""
    started = []

    def trial(name, overrides):
        started.append((name, list(overrides)))
        return after if name.endswith("-cured") else before

    monkeypatch.setattr(cases, "trial", trial)
    return cases.run_case(NAME), started


def test_exactly_the_printed_command_is_run(monkeypatch):
    row, started = row_of(monkeypatch, made("problem", 0.05, -120.0), made("healthy", 0.5, -110.0))
    assert [name for name, _ in started] == ["clinic-holes-beta", "clinic-holes-beta-cured"]
    assert started[1][1] == ["beta=1", "notes='a b'"]
    flags = [part for override in started[1][1] for part in ("-S", override)]
    assert shlex.split(row["remedy"]) == ["dvc", "exp", "run", *flags]
    assert (row["found"], row["cured"]) == (True, True)
    assert row["provoked_with"] == {"beta": 0.01}
    assert row.keys() > KEYS
    json.dumps(row)


@pytest.mark.parametrize(
    ("level", "elbo", "value", "cured"),
    [
        ("healthy", -110.0, 0.05, True),  # a better bound
        ("information", -110.0, 0.05, True),
        ("healthy", -130.0, 0.5, True),  # a worse bound and a better measure
        ("healthy", -130.0, 0.04, False),  # neither
        ("problem", -110.0, 0.5, False),  # still there
        ("healthy", None, 0.5, False),  # diverged
    ],
)
def test_cure_removes_the_finding_and_improves_elbo_or_measure(monkeypatch, level, elbo, value, cured):
    row, _ = row_of(monkeypatch, made("problem", 0.05, -120.0), made(level, value, elbo))
    assert row["cured"] is cured
    assert row["after"]["elbo"] == elbo
    assert row["after"]["found"] == (["holes"] if level == "problem" else [])


def test_finding_that_is_more_likely_present_than_absent_is_not_cured(monkeypatch):
    """A measure beyond its threshold by less than its error is too unsure to report, but not cured."""
    for sure, cured in ((0.4, False), (0.6, True)):
        row, _ = row_of(monkeypatch, made("problem", 0.05, -120.0), made("healthy", 0.1, -110.0, sure=sure))
        assert row["cured"] is cured


def test_divergence_is_cured_by_a_training_that_ends(monkeypatch):
    assert row_of(monkeypatch, made("problem", 0.05), made("healthy", 0.05, -500.0))[0]["cured"]


@pytest.mark.parametrize("before", [made("healthy", 0.5, -99.0), made("problem", 0.05, -99.0, "overfitting")])
def test_failure_that_is_not_found_is_not_cured_and_no_second_training_runs(monkeypatch, before):
    row, started = row_of(monkeypatch, before, None)
    assert (row["found"], row["cured"], row["after"], len(started)) == (False, False, None, 1)
    assert row["others_found"] == [finding.name for finding in before.findings if finding.level == "problem"]


def test_every_case_is_named_for_a_failure_and_every_failure_has_one():
    modes = {name.partition("-")[0] for name in cases.case_names()}
    assert modes == {detector.name for detector in DETECTORS}
    for name in cases.case_names():
        own = preset_overrides(cases.CASE_PREFIX + name)
        assert own["notes"]
        assert own.items() != preset_overrides(cases.SOUND).items()
        overrides = cases.case_overrides(cases.CASE_PREFIX + name)
        assert not any(override.startswith("notes") for override in overrides)


@pytest.mark.parametrize(("alarms", "runs"), [(0, 12), (1, 12), (3, 10), (11, 12), (12, 12)])
def test_bound_on_false_alarms_is_clopper_and_pearsons(alarms, runs):
    interval = binomtest(alarms, runs, alternative="less").proportion_ci(0.95, method="exact")
    assert page.rate_bound(alarms, runs) == pytest.approx(interval.high)


@pytest.fixture
def written(monkeypatch, tmp_path):
    """The page and the rows of two cases, one cured and one not found, and of twelve sound trainings."""

    def trial(name, overrides):
        if "healthy" in name:
            return made("problem" if name.endswith("-3") else "healthy", 0.3, -100.0)
        if name.startswith("clinic-holes"):
            return made(*(("healthy", 0.5, -110.0) if name.endswith("cured") else ("problem", 0.05, -120.0)))
        return made("healthy", 0.3, -100.0, "overfitting")

    monkeypatch.setattr(cases, "trial", trial)
    monkeypatch.setattr(run, "case_names", lambda: [NAME, "overfitting-static"])
    monkeypatch.setattr(run, "RESULTS", tmp_path)
    assert run.run_clinic([]) == [tmp_path / "clinic.md", tmp_path / "clinic.json"]
    return json.loads((tmp_path / "clinic.json").read_text()), (tmp_path / "clinic.md").read_text()


def test_rows_have_their_keys_and_the_false_alarms(written):
    rows, _ = written
    assert all(row.keys() >= KEYS | {"false_alarms", "healthy_runs"} for row in rows)
    assert [(row["mode"], row["found"], row["cured"]) for row in rows] == [
        ("holes", True, True),
        ("overfitting", False, False),
    ]
    assert [(row["false_alarms"], row["healthy_runs"]) for row in rows] == [(1, 12), (0, 12)]


def test_page_shows_the_measures(written):
    _, text = written
    assert "| Holes in the latent space | the KL weighs too little: `beta=0.01` | yes, 99% sure |" in text
    assert "| -120.00 ± 0.50 | `beta=1` | -110.00 ± 0.50 | yes |" in text
    assert "**no**" in text
    assert "12 sound trainings" in text
    assert "**1 with a finding** (holes in the latent space)" in text
    assert "each examined by the 1 detectors that\napply to it" in text
    assert f"alarm is below {page.rate_bound(1, 12):.0%}" in text
    assert "| `coverage_ratio` | **0.050 ± 0.010** | 0.500 ± 0.010 | ≥ 0.1" in text
    assert "### Holes in the latent space: `beta=0.01`" in text
    assert "The epochs of its 3 trainings took 4 minutes" in text  # 65, 110 and 90 s, some looked at twice
    assert "dvc exp run -S beta=1" in text
    assert "{" not in text


def test_cases_that_are_named_write_no_page(monkeypatch, tmp_path):
    monkeypatch.setattr(run, "run_case", lambda name: {"found": True, "cured": False})
    monkeypatch.setattr(run, "RESULTS", tmp_path)
    assert run.run_clinic([NAME]) == []
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(VaelineError, match=r"there is no case 'hole'.*holes-beta"):
        run.run_clinic(["hole"])


MEASURES = {"kl": 0.2, "z_gain": 0.1}


@pytest.fixture
def code(monkeypatch, tmp_path):
    """A file that stands for all code that measures, beside one that words findings."""
    monkeypatch.setattr(trials, "MEASURING", (tmp_path / "training",))
    files = [tmp_path / "training" / "code.py", tmp_path / "diagnosis" / "words.py"]
    for file in files:
        file.parent.mkdir()
        file.write_text("one")
    monkeypatch.setattr(trials, "stage_code", lambda stage: list(map(str, files)))
    monkeypatch.setattr(trials, "TRIALS", tmp_path / "results")
    return files


def test_training_with_these_params_at_this_code_is_not_run_again(monkeypatch, code):
    ran = []
    monkeypatch.setattr(trials, "run_training", lambda name, overrides: ran.append(list(overrides)) or True)
    monkeypatch.setattr(trials, "measured", lambda name, overrides: {"measures": MEASURES, "seconds": 2.0})
    first, second = (trials.trial(name, ["beta=4"]) for name in "ab")
    assert first == second
    assert first.finding("posterior_collapse").command == "dvc exp run -S beta=1"
    assert first.finding("overfitting") is None
    assert ran == [["beta=4"]]
    trials.trial("a", ["beta=5"])
    measuring, wording = code
    wording.write_text("two")
    trials.trial("a", ["beta=4"])
    assert ran == [["beta=4"], ["beta=5"]]
    measuring.write_text("two")
    trials.trial("a", ["beta=4"])
    assert ran == [["beta=4"], ["beta=5"], ["beta=4"]]


def test_measuring_code_is_that_of_the_stages_and_of_the_rooms_up_to_training():
    files = {file for stage in trials.TRIAL_STAGES for file in stage_code(stage)}
    measuring = {file for file in files if any(Path(file).is_relative_to(f) for f in trials.MEASURING)}
    assert {
        "stages/train.py",
        "src/vaeline/training/epoch.py",
        "src/vaeline/evaluation/symptoms.py",
    } <= measuring
    rooms = {Path(file).parts[2] for file in files - measuring}
    assert not rooms & {"core", "runtime", "provenance", "data", "models", "evaluation", "training"}


def test_training_that_diverged_has_the_findings_that_it_left_and_runs_again(monkeypatch, code, tmp_path):
    left, ran = tmp_path / "left.json", []
    save_findings(left, made("problem", 0.05).findings)
    monkeypatch.setattr(trials, "kept", lambda name: left)
    monkeypatch.setattr(trials, "run_training", lambda name, overrides: bool(ran.append(name)))
    for _ in range(2):
        trial = trials.trial("a", ["beta=4"])
        assert trial == Trial(made("problem", 0.05).findings, {}, 0.0)
    assert ran == ["a", "a"]


def test_printed_findings_are_those_of_the_measures(monkeypatch):
    params = params_with(["beta=4"])
    printed = with_remedy_commands(run_detectors(MEASURES, params, noun=IMAGE), params)
    files = {
        "train/metrics.json": '{"kl": 0.2, "best_epoch": 2}',
        "diagnose/metrics.json": '{"z_gain": 0.1}',
        "diagnose/findings.json": json.dumps({"findings": [asdict(finding) for finding in printed]}),
        "train/history.csv": "epoch,valid_elbo_se\n1,0.7\n2,0.6\n3,0.5\n",
        "train/run.json": '{"seconds": 3.0}',
    }
    monkeypatch.setattr(trials, "output_text", lambda name, path: files[path])
    measures = MEASURES | {"best_epoch": 2, "best_valid_elbo_se": 0.6}
    assert trials.measured("a", ["beta=4"]) == {"measures": measures, "seconds": 3.0}
    files["diagnose/metrics.json"] = '{"z_gain": 0.2}'
    with pytest.raises(VaelineError, match="a: diagnose printed other findings"):
        trials.measured("a", ["beta=4"])
