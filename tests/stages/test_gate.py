import pytest

from stages import gate
from vaeline.core.errors import VaelineError
from vaeline.core.files import write_json
from vaeline.core.params import StageParams
from vaeline.diagnosis.detectors import DETECTORS
from vaeline.diagnosis.finding import Finding, save_findings
from vaeline.tracking import registration


def finding(name, level, command=""):
    return Finding(name, name.title(), level, 0.99, f"{name} is measured", (), command=command)


FINDINGS = [
    finding("holes", "problem", "dvc exp run -S beta=1"),
    finding("overfitting", "problem", "dvc exp run -S augment_shift=1"),
    finding("underfitting", "information"),
    *(finding(d.name, "healthy") for d in DETECTORS[:2]),
]


@pytest.fixture
def findings(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_findings(gate.FINDINGS, FINDINGS)


@pytest.mark.parametrize("named", [[], ["underfitting"], ["unstable_training", "blurry_reconstructions"]])
def test_finding_that_is_not_gated_or_no_problem_passes(findings, capsys, named):
    gate.main(StageParams({"gate": named, "register_as": ""}))
    assert capsys.readouterr().out.strip() == f"passed: {', '.join(named) or 'no finding is gated'}"


@pytest.mark.parametrize(
    ("named", "failed"),
    [
        (["holes"], ["holes"]),
        (["underfitting", "overfitting"], ["overfitting"]),
        (["all"], ["holes", "overfitting"]),
        (["all", "holes"], ["holes", "overfitting"]),
    ],
)
def test_gated_problem_fails_in_one_line_with_its_remedy(findings, named, failed):
    with pytest.raises(VaelineError) as caught:
        gate.main(StageParams({"gate": named, "register_as": ""}))
    said = str(caught.value)
    assert "\n" not in said
    for f in FINDINGS:
        assert (f"{f.name} ({f.says}), try `{f.command}`" in said) == (f.name in failed)
    assert said.endswith("See outputs/report")


def test_healthy_training_passes_whatever_is_gated(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    save_findings(gate.FINDINGS, [finding(d.name, "healthy") for d in DETECTORS])
    gate.main(StageParams({"gate": ["all"], "register_as": ""}))
    assert "passed: all" in capsys.readouterr().out


def test_run_that_passes_is_registered_as_its_report_has_it(findings, monkeypatch, capsys):
    registered = []
    write_json(gate.REPORT / "summary.json", {"params": {}, "metrics": {}, "training": {"run_id": "r"}})
    monkeypatch.setenv("DVC_EXP_NAME", "one")
    monkeypatch.setattr(registration, "register_model", lambda *arguments: registered.append(arguments))
    gate.main(StageParams({"gate": [], "register_as": "vae"}))
    assert registered == [("vae", registration.Candidate({}, {}, "r", {"dvc.experiment": "one"}))]
    with pytest.raises(VaelineError):
        gate.main(StageParams({"gate": ["all"], "register_as": "vae"}))
    assert len(registered) == 1
