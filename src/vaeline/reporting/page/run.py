"""A run as its report stage left it: what both pages are made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vaeline.core.files import read_json
from vaeline.diagnosis.finding import Finding, load_findings, problems, verdict_line
from vaeline.reporting.summary import MetricValues


@dataclass(frozen=True)
class RunResults:
    """The results of a run. `findings` is None for a run that was made before there were any."""

    name: str
    metrics: MetricValues
    params: Mapping[str, Any]
    training: Mapping[str, Any]
    evaluation: Mapping[str, Any]
    findings: Sequence[Finding] | None
    pictures: Mapping[str, bytes]

    @classmethod
    def read(cls, folder: Path, name: str) -> "RunResults":
        """Returns the run whose report lies in `folder`; raises FileNotFoundError without its summary."""
        summary = read_json(folder / "summary.json")
        findings = folder / "findings.json"
        return cls(
            name=name,
            **{key: summary[key] for key in ("metrics", "params", "training", "evaluation")},
            findings=load_findings(findings) if findings.is_file() else None,
            pictures={path.stem: path.read_bytes() for path in sorted(folder.glob("plots/*.png"))},
        )

    @property
    def level(self) -> str:
        """Returns `problem`, `healthy`, or `unknown` where nobody looked."""
        if self.findings is None:
            return "unknown"
        return "problem" if problems(self.findings) else "healthy"

    @property
    def verdict(self) -> str:
        """Returns what is wrong, or that nothing is, in one line."""
        if self.findings is None:
            return "No findings: this run was made before there were any"
        return verdict_line(self.findings)
