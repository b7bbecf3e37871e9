"""Metrics as pages display them: a mean with its standard error."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from vaeline.diagnosis.finding import Evidence
from vaeline.evaluation.estimators.estimate import estimate_text
from vaeline.reporting.summary import MetricValues, headline_labels

ERROR = "_se"
"""Suffix of the standard error of a metric."""


@dataclass(frozen=True)
class MetricFigure:
    """A metric with its label: its full `value`, and the rounded `text`."""

    label: str
    value: float | str
    text: str

    @property
    def part(self) -> bool:
        """Whether it belongs to the figure above it."""
        return self.label.startswith("…")


def headline_figures(metrics: MetricValues) -> list[MetricFigure]:
    """Returns the headline figures among `metrics`."""
    return [
        MetricFigure(label, metrics[name], metric_text(metrics, name))
        for label, name in headline_labels(metrics)
    ]


def metric_names(metrics: Iterable[str]) -> list[str]:
    """Returns the names that are not of the standard error of another metric."""
    names = list(metrics)
    return [name for name in names if not (name.endswith(ERROR) and name.removesuffix(ERROR) in names)]


def figures_by_stage(metrics: MetricValues) -> list[tuple[str, list[MetricFigure]]]:
    """Returns every metric under its stage, in the order of `metrics`."""
    return [
        (
            stage,
            [
                MetricFigure(name.partition("/")[2], metrics[name], metric_text(metrics, name))
                for name in names
            ],
        )
        for stage, names in groupby(metric_names(metrics), key=lambda name: name.partition("/")[0])
    ]


def metric_text(metrics: MetricValues, name: str) -> str:
    """Returns text and counts as they are, and any other metric rounded, with its standard error."""
    value = metrics[name]
    exact = isinstance(value, str | int) and f"{name}{ERROR}" not in metrics
    return str(value) if exact else estimate_text(metrics, name)


def evidence_text(evidence: Evidence) -> str:
    """Returns a detector's measure, with its standard error if it has one."""
    error = {f"x{ERROR}": evidence.se} if evidence.se else {}
    return metric_text({"x": evidence.value, **error}, "x")
