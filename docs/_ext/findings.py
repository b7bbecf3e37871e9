"""The table of findings: each detector's measures with their thresholds and the reasons for these."""

from vaeline.core.nouns import EXAMPLE
from vaeline.diagnosis.detectors import DETECTORS
from vaeline.diagnosis.thresholds import Threshold

HEAD = ["| finding | measure | wrong where | unit | reason |", "| --- | --- | --- | --- | --- |"]


def page() -> str:
    """Returns a row for each measure of each detector; the words *and* and *or* join them."""
    rows = []
    for detector in DETECTORS:
        for i, group in enumerate(detector.signs):
            for j, sign in enumerate(group):
                joined = "or" if j else "and" if i else f"`{detector.name}`"
                rows.append(_row(joined, sign))
    return "\n".join([*HEAD, *rows])


def _row(first: str, sign: Threshold) -> str:
    beyond = {"above": ">", "below": "<"}[sign.beyond]
    unit, reason = (EXAMPLE.put_into(text) for text in (sign.unit, sign.reason))
    return f"| {first} | `{sign.measure}` | {beyond} {sign.value:g} | {unit} | {reason} |"
