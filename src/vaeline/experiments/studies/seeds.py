"""Trainings that differ by their seed alone: how far apart they end."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from vaeline.evaluation.estimators.estimate import error_digits
from vaeline.experiments.markdown import markdown_table
from vaeline.experiments.plots import seeds_figure
from vaeline.experiments.sweep import Sweep
from vaeline.experiments.sweep_page import SweepPage
from vaeline.experiments.tables import (
    metric_columns,
    metric_values,
    sweep_rows,
    table_records,
)

SPREAD_HEADINGS = (
    *("", "Mean", "Standard deviation over trainings", "Trainings"),
    "Standard error of one training",
)
SPREAD_CAPTION = (
    "Nats an image on the test split. *Over trainings*: they differ in `seed` alone, that is, in initial "
    "weights, order of the images and noise; the noise of the estimates differs as well (n − 1 in the "
    "denominator). All are scored on the same images, whose own variation is not in this deviation. "
    "*Standard error of one training*: the estimator's own, over those images ({images} for the bounds, "
    "{fid_samples} a side for the Fréchet distances), as the root mean square over the trainings. Another "
    "test set would move all of them together by about this much; more trainings do not lower it. Active "
    "units are a count, on the validation split."
)
SPREAD_UNCERTAINTY = " From {n} trainings, a standard deviation is itself known to about {percent:.0f} %."


def seeds_tables(swept: Sweep) -> str:
    """Returns a row for each metric, then one for each training, and what the errors mean."""
    columns, n = metric_columns(swept.table), len(swept.table)
    statistics = table_records(seed_statistics(swept.table))
    overall = [[columns[row["metric"]], *_figures(row)] for row in statistics]
    caption = SPREAD_CAPTION.format(**metric_values(swept.table))
    if n > 1:
        caption += SPREAD_UNCERTAINTY.format(n=n, percent=100 / math.sqrt(2 * n - 2))
    each = ["Each training, ± its standard error over images:", sweep_rows(swept)]
    return "\n\n".join([markdown_table([SPREAD_HEADINGS, *overall]), caption, *each])


def seeds_picture(table: pd.DataFrame) -> Figure:
    """Returns a panel for each metric."""
    return seeds_figure(table, seed_statistics(table), metric_columns(table))


def seed_statistics(table: pd.DataFrame) -> pd.DataFrame:
    """Returns a row for each metric: `mean` and `sd` over the `n` trainings, and `se`, the error of one.

    `sd` has n − 1 in its denominator and is NaN for a single training; `se` is the root mean square of the
    trainings' standard errors over images, NaN for a metric without one.
    """
    rows = []
    for name in (name for name in metric_columns(table) if not name.endswith("_floor")):
        values, errors = (
            table.get(column, pd.Series(dtype=float)).dropna() for column in (name, f"{name}_se")
        )
        rows.append({
            "metric": name, "n": len(values), "mean": values.mean(), "sd": values.std(ddof=1),
            "se": math.sqrt((errors**2).mean()) if len(errors) else math.nan,
        })  # fmt: skip
    return pd.DataFrame(rows)


def _figures(row: Mapping[str, Any]) -> list[str]:
    """Returns mean, standard deviation, number and standard error, to two digits of the smaller error."""
    errors = [error for error in (row["sd"], row["se"]) if error > 0]
    form = f".{error_digits(min(errors))}f" if errors else ".4g"
    mean, sd, se = ("–" if math.isnan(row[key]) else format(row[key], form) for key in ("mean", "sd", "se"))
    return [mean, sd, str(row["n"]), se]


SEEDS_PAGE = SweepPage("seeds", "Trainings that differ by seed", seeds_tables, seeds_picture)
