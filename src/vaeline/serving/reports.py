"""The report that belongs to a trained model, wherever the model is from."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from vaeline.core.errors import VaelineError
from vaeline.core.files import read_json
from vaeline.diagnosis.finding import Finding, load_findings
from vaeline.evaluation.trained import TrainedModel
from vaeline.serving.loading import IN_MLFLOW
from vaeline.serving.revisions import fetch_from_revision

SUMMARY, FINDINGS = "summary.json", "findings.json"
REPORT = Path("outputs/report")


@dataclass(frozen=True)
class ModelReport:
    """What the pipeline has found out about a model.

    Attributes:
        params: Nested.
        metrics: By `<stage>/<name>`.
        findings: What the detectors say.
        training: The origin of the training: commit, versions, hardware, and `run_id`.
    """

    params: Mapping[str, Any]
    metrics: Mapping[str, Any]
    findings: Sequence[Finding]
    training: Mapping[str, Any]

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Returns the report in a folder that the stage report wrote."""
        summary = read_json(folder / SUMMARY)
        return cls(
            summary["params"], summary["metrics"], load_findings(folder / FINDINGS), summary["training"]
        )


def find_report(trained: TrainedModel) -> ModelReport | None:
    """Returns the report of a model that `load` has loaded, or None if there is none of it."""
    with tempfile.TemporaryDirectory() as scratch:
        try:
            return _found(trained.source, Path(scratch))
        except (VaelineError, FileNotFoundError):
            return None


def _found(source: str, scratch: Path) -> ModelReport | None:
    if source.startswith(IN_MLFLOW):
        from vaeline.tracking.logged import fetch_report  # imports MLflow, which takes seconds

        return ModelReport.read(fetch_report(source, scratch))
    checkpoint = Path(source)
    if checkpoint.exists():
        training = checkpoint.resolve().parent.parent  # <outputs>/train/checkpoints/<name>.pt
        report = ModelReport.read(training.parent / REPORT.name)
        own = read_json(training / "run.json")["run_id"] == report.training["run_id"]
        return report if own else None  # it may be of an earlier training
    for name in (SUMMARY, FINDINGS):
        fetch_from_revision(source, REPORT / name, scratch)
    return ModelReport.read(scratch)
