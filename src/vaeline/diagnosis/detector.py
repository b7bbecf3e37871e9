"""A detector: the measures that it reads, and the finding that it makes of them."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from string import Formatter

from vaeline.diagnosis.finding import SURE, Evidence, Finding, Remedy
from vaeline.diagnosis.params import Measurements, RemedyParams
from vaeline.diagnosis.thresholds import Threshold


@dataclass(frozen=True)
class Detector:
    """Detects one failure: a problem if, in each group of `signs`, one measure is beyond its threshold.

    Attributes:
        name: Name of the failure: what `gate` in params.yaml refers to.
        title: The failure, as a title.
        signs: Groups of thresholds.
        if_problem: The sentence on a problem, with the measures as `{name}`.
        if_healthy: The sentence on a healthy training, with the measures as `{name}`.
        remedy: Returns the likely cause in the params of the training, and its cure.
        note: Returns what is worth knowing of a healthy training, or "".
        follows_from: Names of the failures of which this one is a consequence: if one of them is a
            problem, this one is reported as information.
    """

    name: str
    title: str
    signs: tuple[tuple[Threshold, ...], ...]
    if_problem: str
    if_healthy: str
    remedy: Callable[[RemedyParams, Measurements], Remedy]
    note: Callable[[Measurements], str] = lambda _: ""
    follows_from: tuple[str, ...] = ()

    def detect(self, metrics: Measurements, params: RemedyParams) -> Finding | None:
        """Returns the finding; None without any measure of a group of signs, or without one of a sentence."""
        groups = [
            [_evidence(sign, metrics) for sign in group if _is_measured(metrics, sign.measure)]
            for group in self.signs
        ]
        if not all(groups) or not metrics.keys() >= _named(self.if_problem) | _named(self.if_healthy):
            return None
        sure = min(max(evidence.sure for evidence in group) for group in groups)
        evidence = [evidence for group in groups for evidence in group]
        if sure < SURE:
            note = self.note(metrics)
            says = (note or self.if_healthy).format(**metrics)
            return Finding(
                self.name, self.title, "information" if note else "healthy", 1 - sure, says, evidence
            )
        remedy = self.remedy(params, metrics)
        return Finding(
            self.name,
            self.title,
            "problem",
            sure,
            self.if_problem.format(**metrics),
            evidence,
            cause=remedy.cause,
            changes=remedy.changes,
        )


def _named(sentence: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(sentence) if name}


def _is_measured(metrics: Measurements, measure: str) -> bool:
    return measure in metrics and math.isfinite(metrics[measure])


def _evidence(sign: Threshold, metrics: Measurements) -> Evidence:
    return Evidence(
        name=sign.measure,
        value=metrics[sign.measure],
        threshold=sign.value,
        beyond=sign.beyond,
        unit=sign.unit,
        se=metrics.get(f"{sign.measure}_se", 0.0),
        reason=sign.reason,
    )
