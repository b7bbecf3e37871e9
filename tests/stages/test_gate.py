import pytest

from stages import gate
from vaeline.core.errors import VaelineError
from vaeline.core.params import StageParams
from vaeline.diagnosis.detectors import DETECTORS
from vaeline.diagnosis.finding import Finding, save_findings


def finding(name, level, command=""):
    return Finding(name, name.title(), level, 0.99, f"{name} is seen", (), command=command)


FOUND = [
    finding("holes", "problem", "dvc exp run -S beta=1"),
    finding("overfitting", "problem", "dvc exp run -S augment_shift=1"),
    finding("underfitting", "information"),
    *(finding(d.name, "healthy") for d in DETECTORS[:2]),
]


@pytest.fixture
def found(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_findings(gate.FINDINGS, FOUND)


@pytest.mark.parametrize("named", [[], ["underfitting"], ["unstable_training", "blurry_reconstructions"]])
def test_what_is_not_named_or_no_problem_passes(found, capsys, named):
    gate.main(StageParams({"gate": named}))
    assert capsys.readouterr().out.strip() == f"passed: {', '.join(named) or 'nothing is gated'}"


@pytest.mark.parametrize(
    ("named", "held"),
    [
        (["holes"], ["holes"]),
        (["underfitting", "overfitting"], ["overfitting"]),
        (["all"], ["holes", "overfitting"]),
        (["all", "holes"], ["holes", "overfitting"]),
    ],
)
def test_a_problem_that_is_named_fails_in_one_line_with_its_cure(found, named, held):
    with pytest.raises(VaelineError) as caught:
        gate.main(StageParams({"gate": named}))
    said = str(caught.value)
    assert "\n" not in said
    for one in FOUND:
        assert (f"{one.name} ({one.says}), try `{one.command}`" in said) == (one.name in held)
    assert said.endswith("All of it: outputs/report")


def test_a_healthy_training_passes_whatever_is_gated(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    save_findings(gate.FINDINGS, [finding(d.name, "healthy") for d in DETECTORS])
    gate.main(StageParams({"gate": ["all"]}))
    assert "passed: all" in capsys.readouterr().out
