"""What a detector is: the measures that it looks at, and what it makes of them."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from vaeline.diagnosis.finding import SURE, Config, Evidence, Finding, Measures, Remedy
from vaeline.diagnosis.thresholds import Threshold


@dataclass(frozen=True)
class Detector:
    """Looks for one failure: it is there where in each group of `signs` one is beyond its threshold.

    `ill` and `well` say what was seen, with the measures filled in; `remedy` names the likely cause in the
    configuration of a training, and its cure. `note` tells what is worth knowing of a healthy training, or
    nothing. Where one of the failures named by `follows_from` is there, this one is its consequence, and is
    not reported beside it.
    """

    name: str
    title: str
    signs: tuple[tuple[Threshold, ...], ...]
    ill: str
    well: str
    remedy: Callable[[Config, Measures], Remedy]
    note: Callable[[Measures], str] = lambda _: ""
    follows_from: tuple[str, ...] = ()

    def look(self, metrics: Measures, config: Config) -> Finding | None:
        """Returns what it finds, or None where its measures were not taken."""
        groups = [
            [_evidence(sign, metrics) for sign in group if _taken(metrics, sign.measure)]
            for group in self.signs
        ]
        if not all(groups):
            return None
        sure = min(max(one.sure for one in group) for group in groups)
        evidence = [one for group in groups for one in group]
        if sure < SURE:
            note = self.note(metrics)
            says, level = (note, "information") if note else (self.well, "healthy")
            return Finding(self.name, self.title, level, 1 - sure, says.format(**metrics), evidence)
        remedy = self.remedy(config, metrics)
        return Finding(
            self.name,
            self.title,
            "problem",
            sure,
            self.ill.format(**metrics),
            evidence,
            cause=remedy.cause,
            changes=remedy.changes,
        )


def _taken(metrics: Measures, measure: str) -> bool:
    return measure in metrics and math.isfinite(metrics[measure])


def _evidence(sign: Threshold, metrics: Measures) -> Evidence:
    return Evidence(
        name=sign.measure,
        value=metrics[sign.measure],
        threshold=sign.value,
        beyond=sign.beyond,
        unit=sign.unit,
        se=metrics.get(f"{sign.measure}_se", 0.0),
        reason=sign.reason,
    )
