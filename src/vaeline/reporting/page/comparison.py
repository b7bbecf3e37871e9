"""The page of several runs side by side: each beside the first."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vaeline.core.params import flatten_params
from vaeline.provenance.commands import override_value
from vaeline.reporting.page import figures
from vaeline.reporting.page.difference import APART, difference, difference_text, unlike
from vaeline.reporting.page.pictures import Picture, kinds
from vaeline.reporting.page.rendering import render
from vaeline.reporting.page.run import RunResults
from vaeline.reporting.summary import HEADLINES, known_headlines


@dataclass(frozen=True)
class Cell:
    """A metric of one run, and how far it is from the first's; `apart` where that is beyond its error."""

    value: float | str = ""
    shown: str = "–"
    difference: str = ""
    apart: bool = False
    unlike: str = ""


def comparison_page(runs: Sequence[RunResults]) -> str:
    """Returns the HTML of several runs: params that differ, verdicts, metrics with differences, pictures."""
    headline = [name for _, name in HEADLINES if any(name in run.metrics for run in runs)]
    every = figures.metric_names(dict.fromkeys(name for run in runs for name in run.metrics))
    return render(
        "comparison.html",
        runs=runs,
        params=differing_params(runs),
        strangers=strangers(runs),
        headlines=rows(headline, runs, lambda name: _label(name, runs)),
        metrics=rows(every, runs, str),
        pictures=picture_rows(runs),
        limit=APART,
    )


def differing_params(runs: Sequence[RunResults]) -> dict[str, list[str]]:
    """Returns the params that are not the same in all runs, with dotted keys; of those that all runs know."""
    params = [flatten_params(run.params) for run in runs]
    table = {key: [override_value(values.get(key)) for values in params] for key in params[0]}
    unknown = strangers(runs)
    return {key: values for key, values in table.items() if len(set(values)) > 1 and key not in unknown}


def strangers(runs: Sequence[RunResults]) -> list[str]:
    """Returns the params that some of the runs, made by other code, did not have."""
    params = [flatten_params(run.params) for run in runs]
    return sorted(set().union(*params) - set(params[0]).intersection(*params))


def rows(
    names: Sequence[str], runs: Sequence[RunResults], label: Callable[[str], str]
) -> list[tuple[str, list[Cell]]]:
    """Returns a row a metric with a cell a run."""
    return [(label(name), [metric_cell(name, runs[0], run) for run in runs]) for name in names]


def metric_cell(name: str, first: RunResults, run: RunResults) -> Cell:
    """Returns what a run has of a metric, beside the first."""
    if name not in run.metrics:
        return Cell()
    own = {"value": run.metrics[name], "shown": figures.metric_text(run.metrics, name)}
    found = difference(name, first, run)
    if run is first or found is None:
        return Cell(**own)
    if reason := unlike(name, first, run):
        return Cell(**own, unlike=reason)
    value, error = found
    whole = all(isinstance(one.metrics[name], int) for one in (first, run)) and not error
    return Cell(
        **own,
        difference=difference_text(value, error, whole),
        apart=bool(error) and abs(value) > APART * error,
    )


def picture_rows(runs: Sequence[RunResults]) -> list[tuple[str, list[Picture | None]]]:
    """Returns a row a kind of picture: its caption, and each run's own, or None where it has none."""
    return [
        (
            caption,
            [Picture(name, caption, run.pictures[name]) if name in run.pictures else None for run in runs],
        )
        for name, caption in kinds([run.pictures for run in runs]).items()
    ]


def _label(name: str, runs: Sequence[RunResults]) -> str:
    """Returns a headline's label; where runs have different ones (IWAE-100, IWAE-5000), all of them."""
    labels = [{metric: label for label, metric in known_headlines(run.metrics)}.get(name) for run in runs]
    return " / ".join(dict.fromkeys(label for label in labels if label))
