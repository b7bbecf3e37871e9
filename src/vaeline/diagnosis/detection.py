"""All detectors, run over the measures of a training."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, cast

from vaeline.core.nouns import EXAMPLE, Noun
from vaeline.diagnosis.detector import Detector
from vaeline.diagnosis.detectors import DETECTORS
from vaeline.diagnosis.finding import FINDING_LEVELS, Finding, problems
from vaeline.diagnosis.params import Measurements, RemedyParams


def run_detectors(
    metrics: Measurements,
    params: Mapping[str, Any],
    detectors: Iterable[Detector] = DETECTORS,
    noun: Noun = EXAMPLE,
) -> list[Finding]:
    """Returns the finding of each detector whose measures are among `metrics`, problems first.

    A problem that follows from another problem is reported as information: its cure is the other's.

    Args:
        metrics: Measurements by name.
        params: The params of the training, nested.
        detectors: Detectors in order: one comes after those that it follows from.
        noun: What the examples are called in the findings.
    """
    read = cast(RemedyParams, params)
    findings: dict[str, Finding] = {}
    for detector in detectors:
        finding = detector.detect(metrics, read, noun)
        if finding is None:
            continue
        names = detector.causes(metrics, read) if finding.level == "problem" else ()
        if causes := problems(findings[name] for name in names if name in findings):
            cause = causes[0].title
            finding = replace(
                finding,
                level="information",
                says=f"{finding.says}: follows from {cause.lower()}",
                cause="",
                changes={},
                follows_from=cause,
            )
        findings[detector.name] = finding
    return sorted(findings.values(), key=lambda finding: FINDING_LEVELS.index(finding.level))
