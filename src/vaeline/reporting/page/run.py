"""The results of a run, as pages display them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from vaeline.core.files import read_json
from vaeline.diagnosis.finding import Finding, load_findings, problems, verdict_line
from vaeline.reporting.summary import MetricValues


@dataclass(frozen=True)
class RunResults:
    """The results of a run, as the report stage wrote them.

    Attributes:
        name: Displayed name.
        metrics: Metrics of all stages.
        params: Params, nested.
        training: Origin of the training: commit, machine, versions, duration.
        evaluation: Origin of the report.
        findings: What the detectors say, or None if the code of the run had no detectors.
        pictures: PNG files, by name.
        data: What the data are, a line each; earlier reports did not say.
    """

    name: str
    metrics: MetricValues
    params: Mapping[str, Any]
    training: Mapping[str, Any]
    evaluation: Mapping[str, Any]
    findings: Sequence[Finding] | None
    pictures: Mapping[str, bytes]
    data: Sequence[str] = ()

    @classmethod
    def read(cls, folder: Path, name: str) -> "RunResults":
        """Returns the run whose report is in `folder`; raises FileNotFoundError if it has no summary."""
        summary = read_json(folder / "summary.json")
        findings = folder / "findings.json"
        return cls(
            name=name,
            **{key: summary[key] for key in ("metrics", "params", "training", "evaluation")},
            findings=load_findings(findings) if findings.is_file() else None,
            pictures={path.stem: path.read_bytes() for path in sorted(folder.glob("plots/*.png"))},
            data=summary.get("data", ()),
        )

    @property
    def level(self) -> Literal["problem", "healthy", "unknown"]:
        """Whether there is a problem; `unknown` without findings."""
        if self.findings is None:
            return "unknown"
        return "problem" if problems(self.findings) else "healthy"

    @property
    def verdict(self) -> str:
        """The problems, or that there is none, in one line."""
        if self.findings is None:
            return "No findings: the code of this run had no detectors"
        return verdict_line(self.findings)
