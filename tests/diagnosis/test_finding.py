import json

import pytest
from scipy.stats import norm

from vaeline.core.errors import VaelineError
from vaeline.diagnosis.finding import (
    Evidence,
    Finding,
    findings_text,
    load_findings,
    problems,
    save_findings,
    verdict_line,
)

HOLES = Finding(
    "holes", "Holes in the latent space", "problem", 0.987, "few are covered",
    [Evidence("coverage_ratio", 0.05, 0.1, "below", "of it", 0.01, "nine tenths are missed")],
    cause="the KL weighs too little", changes={"beta": 1.0, "prior.name": "flow"},
    command="dvc exp run -S beta=1",
)  # fmt: skip
HEALTHY = Finding("blur", "Blur", "healthy", 0.9, "sharp", [Evidence("sharpness", 0.4, 0.1, "below")])


def test_saved_findings_load_equal(tmp_path):
    save_findings(tmp_path / "findings.json", [HOLES, HEALTHY])
    assert load_findings(tmp_path / "findings.json") == [HOLES, HEALTHY]
    written = json.loads((tmp_path / "findings.json").read_text())
    assert written["verdict"] == verdict_line([HOLES, HEALTHY])
    assert written["findings"][0]["evidence"][0]["threshold"] == 0.1


def test_error_names_damaged_file(tmp_path):
    (tmp_path / "findings.json").write_text('{"findings": [')
    with pytest.raises(VaelineError, match=r"findings\.json"):
        load_findings(tmp_path / "findings.json")


def test_verdict_is_the_problems_or_what_was_looked_for():
    assert verdict_line([HOLES, HEALTHY]) == "Holes in the latent space (99% sure)"
    assert verdict_line([HEALTHY]) == "Healthy: no sign of blur"
    assert problems([HEALTHY, HOLES]) == [HOLES]


def test_command_is_on_a_line_of_its_own():
    lines = findings_text([HOLES, HEALTHY]).splitlines()
    assert [line.strip() for line in lines] == [
        verdict_line([HOLES]),
        "- Holes in the latent space: few are covered",
        "likely cause: the KL weighs too little",
        "dvc exp run -S beta=1",
        "- Blur: sharp",
    ]


@pytest.mark.parametrize("beyond", ["above", "below"])
@pytest.mark.parametrize("errors", [-2.0, 0.0, 0.5, 4.0])
def test_confidence_depends_on_distance_in_standard_errors(beyond, errors):
    value = 3.0 + (errors if beyond == "above" else -errors) * 0.2
    assert Evidence("m", value, 3.0, beyond, se=0.2).sure == pytest.approx(norm.cdf(errors))
    assert Evidence("m", value, 3.0, beyond).sure == float(errors > 0)
