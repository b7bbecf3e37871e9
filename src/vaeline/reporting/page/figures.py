"""Metrics as a page shows them: each mean with its error."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from vaeline.diagnosis.finding import Evidence
from vaeline.evaluation.estimators.estimate import estimate_text
from vaeline.reporting.summary import MetricValues, known_headlines

ERROR = "_se"


@dataclass(frozen=True)
class Figure:
    """A metric: its full `value`, and as it is `shown`."""

    label: str
    value: float | str
    shown: str

    @property
    def part(self) -> bool:
        """Returns whether it belongs to the figure above it."""
        return self.label.startswith("…")


def headline_figures(metrics: MetricValues) -> list[Figure]:
    """Returns the headline figures that there are."""
    return [
        Figure(label, metrics[name], metric_text(metrics, name)) for label, name in known_headlines(metrics)
    ]


def metric_names(metrics: Iterable[str]) -> list[str]:
    """Returns the metrics that are not the error of another."""
    known = set(metrics)
    return [name for name in metrics if not (name.endswith(ERROR) and name.removesuffix(ERROR) in known)]


def by_stage(metrics: MetricValues) -> list[tuple[str, list[Figure]]]:
    """Returns every metric under its stage, in the order that they have."""
    return [
        (
            stage,
            [Figure(name.partition("/")[2], metrics[name], metric_text(metrics, name)) for name in of_stage],
        )
        for stage, of_stage in groupby(metric_names(metrics), key=lambda name: name.partition("/")[0])
    ]


def metric_text(metrics: Mapping[str, Any], name: str) -> str:
    """Returns words and counts as they are, and a mean with its error."""
    value = metrics[name]
    whole = isinstance(value, str | int) and f"{name}{ERROR}" not in metrics
    return str(value) if whole else estimate_text(metrics, name)


def measured(evidence: Evidence) -> str:
    """Returns the measure of a detector with its error, where it has one."""
    error = {f"x{ERROR}": evidence.se} if evidence.se else {}
    return metric_text({"x": evidence.value} | error, "x")
