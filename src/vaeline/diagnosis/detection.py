"""All detectors over the measures of a training."""

from collections.abc import Iterable
from dataclasses import replace

from vaeline.diagnosis.detector import Detector
from vaeline.diagnosis.detectors import DETECTORS
from vaeline.diagnosis.finding import FINDING_LEVELS, Config, Finding, Measures


def run_detectors(
    metrics: Measures, config: Config, detectors: Iterable[Detector] = DETECTORS
) -> list[Finding]:
    """Returns a finding of each detector whose measures are in `metrics`, problems first.

    What follows from another problem is information: its cure is
    that of the other.
    """
    found: dict[str, Finding] = {}
    for detector in detectors:
        if (finding := detector.look(metrics, config)) is None:
            continue
        causes = [found[name] for name in detector.follows_from if name in found]
        if finding.level == "problem" and (of := [cause for cause in causes if cause.level == "problem"]):
            says = f"{finding.says}: follows from {of[0].title.lower()}"
            finding = replace(finding, level="information", says=says, cause="", changes={})
        found[detector.name] = finding
    return sorted(found.values(), key=lambda finding: FINDING_LEVELS.index(finding.level))
