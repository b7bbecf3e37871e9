"""The page of several runs side by side, each compared with the first."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from vaeline.core.nouns import EXAMPLE, Noun
from vaeline.core.params import flatten_params
from vaeline.provenance.commands import override_value
from vaeline.reporting.comparison.difference import (
    NOTABLE_ERRORS,
    difference_text,
    incomparability,
    metric_difference,
)
from vaeline.reporting.page.figures import metric_names, metric_text
from vaeline.reporting.page.pictures import Picture, picture_captions
from vaeline.reporting.page.rendering import render
from vaeline.reporting.page.run import RunResults
from vaeline.reporting.summary import HEADLINES, headline_labels, run_noun


@dataclass(frozen=True)
class MetricCell:
    """A metric of one run, and its difference from the first run.

    Attributes:
        value: The metric, in full.
        text: The metric, rounded, or – if the run does not have it.
        difference: The difference with its error, or "".
        notable: Whether the difference exceeds `NOTABLE_ERRORS` of its errors.
        incomparable: Why there is no difference, or "".
    """

    value: float | str = ""
    text: str = "–"
    difference: str = ""
    notable: bool = False
    incomparable: str = ""


def comparison_page(runs: Sequence[RunResults]) -> str:
    """Returns the HTML page of several runs: changed params, verdicts, metrics and pictures."""
    headline = [name for _, name in HEADLINES if any(name in run.metrics for run in runs)]
    every = metric_names(dict.fromkeys(name for run in runs for name in run.metrics))
    return render(
        "comparison.html",
        runs=runs,
        params=differing_params(runs),
        partial_params=partial_params(runs),
        headlines=metric_rows(headline, runs, lambda name: _label(name, runs)),
        metrics=metric_rows(every, runs, str),
        pictures=picture_rows(runs),
        limit=NOTABLE_ERRORS,
    )


def differing_params(runs: Sequence[RunResults]) -> dict[str, list[str]]:
    """Returns the params that all runs have and that differ among them, by dotted key: one value a run."""
    params = [flatten_params(run.params) for run in runs]
    table = {key: [override_value(values.get(key)) for values in params] for key in params[0]}
    partial = partial_params(runs)
    return {key: values for key, values in table.items() if len(set(values)) > 1 and key not in partial}


def partial_params(runs: Sequence[RunResults]) -> list[str]:
    """Returns the dotted keys of the params that not every run has, since their code differs."""
    params = [flatten_params(run.params) for run in runs]
    return sorted(set[str]().union(*params) - set(params[0]).intersection(*params))


def metric_rows(
    names: Sequence[str], runs: Sequence[RunResults], label: Callable[[str], str]
) -> list[tuple[str, list[MetricCell]]]:
    """Returns one row a metric: its label, and one cell a run."""
    return [(label(name), [metric_cell(name, runs[0], run) for run in runs]) for name in names]


def metric_cell(name: str, first: RunResults, run: RunResults) -> MetricCell:
    """Returns a run's value of a metric, with its difference from the first run's."""
    if name not in run.metrics:
        return MetricCell()
    cell = MetricCell(run.metrics[name], metric_text(run.metrics, name))
    difference = metric_difference(name, first, run)
    if run is first or difference is None:
        return cell
    if reason := incomparability(name, first, run):
        return replace(cell, incomparable=reason)
    value, error = difference
    whole = all(isinstance(compared.metrics[name], int) for compared in (first, run)) and not error
    return replace(
        cell,
        difference=difference_text(value, error, whole),
        notable=bool(error) and abs(value) > NOTABLE_ERRORS * error,
    )


def picture_rows(runs: Sequence[RunResults]) -> list[tuple[str, list[Picture | None]]]:
    """Returns one row a kind of picture: its caption, and each run's picture, or None if it has none."""
    return [
        (
            caption,
            [Picture(name, caption, run.pictures[name]) if name in run.pictures else None for run in runs],
        )
        for name, caption in picture_captions([run.pictures for run in runs], _noun(runs)).items()
    ]


def _noun(runs: Sequence[RunResults]) -> Noun:
    """Returns what the examples are called: images or rows, if the runs agree."""
    nouns = {run_noun(run.metrics) for run in runs}
    return nouns.pop() if len(nouns) == 1 else EXAMPLE


def _label(name: str, runs: Sequence[RunResults]) -> str:
    """Returns the label of a headline figure, or all labels if runs differ in it (IWAE-100, IWAE-5000)."""
    labels = [{metric: label for label, metric in headline_labels(run.metrics)}.get(name) for run in runs]
    return " / ".join(dict.fromkeys(label for label in labels if label))
