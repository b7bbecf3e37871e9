"""What a detector says of a training: whether something is wrong, how sure that is, and what cures it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import NormalDist
from typing import Any, Literal

from vaeline.core.files import read_json, write_json

SURE = 0.95  # below it, what is seen may be the noise of the estimate: information, and no problem

Measures = Mapping[str, Any]
"""Measures by name, each with its standard error under `<name>_se` where it has one."""
Config = Mapping[str, Any]
"""The params of a training, nested."""
Level = Literal["problem", "information", "healthy"]
FINDING_LEVELS = ("problem", "information", "healthy")


@dataclass(frozen=True)
class Evidence:
    """A measure beside its threshold: `beyond` says on which side of it something is wrong."""

    name: str
    value: float
    threshold: float
    beyond: Literal["above", "below"]
    unit: str = ""
    se: float = 0.0
    reason: str = ""
    """Why the threshold stands where it does."""

    @property
    def sure(self) -> float:
        """Returns how sure it is that the measure lies beyond its threshold: its error taken as normal."""
        distance = self.value - self.threshold if self.beyond == "above" else self.threshold - self.value
        if self.se == 0:
            return float(distance > 0)
        return NormalDist().cdf(distance / self.se)


@dataclass(frozen=True)
class Remedy:
    """The likely cause in the configuration at hand, and the params that cure it, with dotted keys."""

    cause: str
    changes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Finding:
    """What one detector says; `command` is the remedy as it can be pasted, `` without a cure to offer."""

    name: str
    title: str
    level: Level
    sure: float
    says: str
    evidence: Sequence[Evidence]
    cause: str = ""
    changes: Mapping[str, Any] = field(default_factory=dict)
    command: str = ""


def save_findings(path: Path | str, findings: Sequence[Finding]) -> None:
    """Writes the verdict and the findings as JSON."""
    write_json(path, {"verdict": verdict_line(findings), "findings": [asdict(found) for found in findings]})


def load_findings(path: Path | str) -> list[Finding]:
    """Returns the findings in a file that `save` wrote; raises VaelineError where it is damaged."""
    return [finding_from(values) for values in read_json(path)["findings"]]


def finding_from(values: Mapping[str, Any]) -> Finding:
    """Returns a finding from its plain values."""
    return Finding(**{**values, "evidence": [Evidence(**one) for one in values["evidence"]]})


def problems(findings: Iterable[Finding]) -> list[Finding]:
    """Returns those that are problems."""
    return [finding for finding in findings if finding.level == "problem"]


def verdict_line(findings: Sequence[Finding]) -> str:
    """Returns one line: what is wrong, or that nothing is and what was looked for."""
    if wrong := problems(findings):
        return "; ".join(f"{found.title} ({found.sure:.0%} sure)" for found in wrong)
    looked = ", ".join(found.title.lower() for found in findings)
    return f"Healthy: no sign of {looked}"


def findings_text(findings: Sequence[Finding]) -> str:
    """Returns the verdict and what each finding says, with each remedy on a line of its own."""
    lines = [verdict_line(findings)]
    for found in findings:
        lines.append(f"- {found.title}: {found.says}")
        if found.cause:
            lines.append(f"  likely cause: {found.cause}")
        if found.command:
            lines.append(f"  {found.command}")
    return "\n".join(lines)
