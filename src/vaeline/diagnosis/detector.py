"""A detector: the measures that it reads, and the finding that it makes of them."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from string import Formatter

from vaeline.core.nouns import EXAMPLE, Noun
from vaeline.diagnosis.finding import SURE, Evidence, Finding, Remedy
from vaeline.diagnosis.params import Measurements, RemedyParams
from vaeline.diagnosis.thresholds import Threshold


@dataclass(frozen=True)
class Detector:
    """Detects one failure: a problem if, in each group of `signs`, one measure is beyond its threshold.

    Texts have the measures, and the words of a `Noun`, as `{name}`.

    Attributes:
        name: Name of the failure: what `gate` in params.yaml refers to.
        title: The failure, as a title.
        signs: Groups of thresholds.
        if_problem: The sentence on a problem.
        if_healthy: The sentence on a healthy training.
        remedy: Returns the likely cause in the params of the training, and its cure.
        note: Returns what is worth knowing of a healthy training, or "".
        follows_from: Names of the failures of which this one is a consequence: if one of them is a
            problem, this one is reported as information.
        may_follow_from: The same, where the params show no cause of its own.
    """

    name: str
    title: str
    signs: tuple[tuple[Threshold, ...], ...]
    if_problem: str
    if_healthy: str
    remedy: Callable[[RemedyParams, Measurements], Remedy]
    note: Callable[[Measurements], str] = lambda _: ""
    follows_from: tuple[str, ...] = ()
    may_follow_from: tuple[str, ...] = ()

    def measures(self) -> set[str]:
        """Returns the names of what a finding of it can depend on; some of them have a standard error."""
        return self._told() | {sign.measure for group in self.signs for sign in group}

    def causes(self, metrics: Measurements, params: RemedyParams) -> tuple[str, ...]:
        """Returns the names of the failures of which this problem would be a consequence."""
        own = self.remedy(params, metrics).specific
        return self.follows_from if own else self.follows_from + self.may_follow_from

    def detect(self, metrics: Measurements, params: RemedyParams, noun: Noun = EXAMPLE) -> Finding | None:
        """Returns the finding; None without any measure of a group of signs, or without one of a sentence."""
        groups = [
            [_evidence(sign, metrics, noun) for sign in group if _is_measured(metrics, sign.measure)]
            for group in self.signs
        ]
        if not all(groups) or not metrics.keys() >= self._told():
            return None
        sure = min(max(evidence.sure for evidence in group) for group in groups)
        evidence = [evidence for group in groups for evidence in group]
        if sure < SURE:
            note = self.note(metrics)
            says = noun.put_into(note or self.if_healthy, **metrics)
            return Finding(
                self.name, self.title, "information" if note else "healthy", 1 - sure, says, evidence
            )
        remedy = self.remedy(params, metrics)
        return Finding(
            self.name,
            self.title,
            "problem",
            sure,
            noun.put_into(self.if_problem, **metrics),
            evidence,
            cause=remedy.cause,
            changes=remedy.changes,
        )

    def _told(self) -> set[str]:
        """Returns the names of the measures in its sentences."""
        parts = Formatter().parse(self.if_problem + self.if_healthy)
        return {name for _, name, _, _ in parts if name} - set(Noun._fields)


def _is_measured(metrics: Measurements, measure: str) -> bool:
    return measure in metrics and math.isfinite(metrics[measure])


def _evidence(sign: Threshold, metrics: Measurements, noun: Noun) -> Evidence:
    return Evidence(
        name=sign.measure,
        value=metrics[sign.measure],
        threshold=sign.value,
        beyond=sign.beyond,
        unit=noun.put_into(sign.unit),
        se=metrics.get(f"{sign.measure}_se", 0.0),
        reason=noun.put_into(sign.reason),
    )
