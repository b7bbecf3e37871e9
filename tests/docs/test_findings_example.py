"""docs/guides/diagnosis.md shows what a run prints today."""

import pytest

from tests.docs.markdown import Page
from vaeline.diagnosis.detection import run_detectors
from vaeline.diagnosis.detectors import COLLAPSE
from vaeline.diagnosis.finding import findings_text
from vaeline.diagnosis.remedy_commands import with_remedy_commands
from vaeline.experiments.find import params_with


@pytest.mark.usefixtures("at_the_root")
def test_the_example_is_what_such_a_run_says():
    """The collapse that the page provokes, with measures of a decoder that ignores z."""
    (block,) = Page("docs/guides/diagnosis.md").blocks("console")
    (command, _, *printed) = block.splitlines()
    params = params_with([word for word in command.split() if "=" in word])
    findings = run_detectors({"kl": 0.0, "z_gain": 0.0}, params, [COLLAPSE])
    assert printed == findings_text(with_remedy_commands(findings, params)).splitlines()
