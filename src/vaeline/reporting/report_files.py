"""The files of a report: summary.json, findings.json, summary.md and report.html."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vaeline.core.files import write_json, write_text
from vaeline.data.prepared import Prepared
from vaeline.data.reading.content import content_lines
from vaeline.diagnosis.finding import Finding, load_findings, save_findings
from vaeline.diagnosis.remedy_commands import with_remedy_commands
from vaeline.provenance.origin import changes_text, committed_params, experiment_tags
from vaeline.reporting import summary
from vaeline.reporting.page.report import run_page
from vaeline.reporting.page.run import RunResults


@dataclass(frozen=True)
class ReportContent:
    """What a report says of a run.

    Attributes:
        name: Displayed name.
        params: Params, nested.
        metrics: Metrics of all stages.
        training: Origin of the training: commit, machine, versions, duration.
        evaluation: Origin of the report.
        findings: What the detectors say, with commands that repeat the run with a remedy.
        data: What the data are, a line each.
    """

    name: str
    params: Mapping[str, Any]
    metrics: summary.MetricValues
    training: Mapping[str, Any]
    evaluation: Mapping[str, str]
    findings: list[Finding]
    data: list[str]

    @classmethod
    def gather(
        cls,
        name: str,
        params: Mapping[str, Any],
        training: Mapping[str, Any],
        evaluation: Mapping[str, str],
        outputs: Path,
    ) -> "ReportContent":
        """Returns it with what the stages have written to the folder `outputs`, and the prepared data."""
        findings = load_findings(outputs / "diagnose" / "findings.json")
        return cls(
            name,
            params,
            summary.gather_metrics(outputs),
            training,
            evaluation,
            with_remedy_commands(findings, params),
            content_lines(Prepared.open()),
        )

    def write(self, outputs: Path) -> None:
        """Writes the report to `outputs/report`, with the pictures of all stages."""
        folder = outputs / "report"
        kept = ("metrics", "params", "training", "evaluation", "data")
        write_json(folder / "summary.json", {key: getattr(self, key) for key in kept})
        save_findings(folder / "findings.json", self.findings)
        markdown = summary.summary_markdown(
            self.metrics,
            self.params,
            changes_text(self.params),
            self.findings,
            summary.copy_pictures(outputs),
            (outputs / "train" / "training.log").read_text(),
            self.data,
        )
        write_text(folder / "summary.md", markdown)
        results = RunResults.read(folder, self.name)
        html = run_page(results, committed_params(), experiment_tags().get("dvc.experiment", ""))
        write_text(folder / "report.html", html)
