"""A finding: whether something is wrong with a training, with what confidence, and what to do about it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import NormalDist
from typing import Any, Literal

from vaeline.core.errors import DamagedFileError
from vaeline.core.files import RESTORE, read_json, write_json

SURE = 0.95  # probability of a problem; below it, what was measured may be noise of the estimate

Side = Literal["above", "below"]
Level = Literal["problem", "information", "healthy"]
FINDING_LEVELS = ("problem", "information", "healthy")


@dataclass(frozen=True)
class Evidence:
    """A measure and its threshold.

    Attributes:
        name: Name of the measure.
        value: The measure.
        threshold: The threshold, in the unit of the measure.
        beyond: The side of the threshold that is a sign of a failure.
        unit: Unit of the measure, or "".
        se: Standard error of the measure, or 0.
        reason: Why the threshold has this value.
    """

    name: str
    value: float
    threshold: float
    beyond: Side
    unit: str = ""
    se: float = 0.0
    reason: str = ""

    @property
    def sure(self) -> float:
        """The probability that the measure is beyond its threshold, with a normally distributed error."""
        distance = self.value - self.threshold if self.beyond == "above" else self.threshold - self.value
        if self.se == 0:
            return float(distance > 0)
        return NormalDist().cdf(distance / self.se)


@dataclass(frozen=True)
class Remedy:
    """The likely cause of a problem in the params, and the changes that cure it, with dotted keys.

    Attributes:
        cause: The cause, as a sentence.
        changes: Params that cure it.
        specific: Whether the params show this cause, rather than none at all.
    """

    cause: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    specific: bool = True


@dataclass(frozen=True)
class Finding:
    """What one detector says of a training.

    Attributes:
        name: Name of the detector: what `gate` in params.yaml refers to.
        title: The failure, as a title.
        level: A problem, information, or healthy.
        sure: Probability of what the level says: of the problem, or of its absence.
        says: One sentence, with the measures.
        evidence: The measures and their thresholds.
        cause: Likely cause of a problem, or "".
        changes: Params that cure it, with dotted keys.
        command: The remedy as a command that can be pasted, or "" if there is none.
        follows_from: Title of the problem of which this failure is a consequence, or "". The level is then
            information, and `sure` the probability of the failure.
    """

    name: str
    title: str
    level: Level
    sure: float
    says: str
    evidence: Sequence[Evidence]
    cause: str = ""
    changes: Mapping[str, Any] = field(default_factory=dict)
    command: str = ""
    follows_from: str = ""


def save_findings(path: Path | str, findings: Sequence[Finding]) -> None:
    """Writes the verdict and the findings as JSON."""
    write_json(
        path, {"verdict": verdict_line(findings), "findings": [asdict(finding) for finding in findings]}
    )


def load_findings(path: Path | str) -> list[Finding]:
    """Returns the findings that `save_findings` wrote; raises VaelineError if the file is damaged."""
    try:
        return [finding_from(values) for values in read_json(path)["findings"]]
    except (KeyError, TypeError) as error:
        raise DamagedFileError(path, f"damaged, no findings ({type(error).__name__})", RESTORE) from None


def finding_from(values: Mapping[str, Any]) -> Finding:
    """Returns a finding from its fields as plain values."""
    return Finding(**{**values, "evidence": [Evidence(**fields) for fields in values["evidence"]]})


def problems(findings: Iterable[Finding]) -> list[Finding]:
    """Returns the findings that are problems."""
    return [finding for finding in findings if finding.level == "problem"]


def verdict_line(findings: Sequence[Finding]) -> str:
    """Returns one line: the problems, or that there is none of those that were looked for."""
    if wrong := problems(findings):
        return "; ".join(f"{problem.title} ({problem.sure:.0%} sure)" for problem in wrong)
    titles = ", ".join(finding.title.lower() for finding in findings)
    return f"Healthy: no sign of {titles}"


def findings_text(findings: Sequence[Finding]) -> str:
    """Returns the verdict and the findings as text, with each remedy's command on a line of its own."""
    lines = [verdict_line(findings)]
    for finding in findings:
        lines.append(f"- {finding.title}: {finding.says}")
        if finding.cause:
            lines.append(f"  likely cause: {finding.cause}")
        if finding.command:
            lines.append(f"  {finding.command}")
    return "\n".join(lines)
