"""Trainings that differ by their seed alone: how far apart they end up (`make seeds`)."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from vaeline.core.files import write_csv, write_figure, write_text
from vaeline.core.params import param_text
from vaeline.evaluation.estimators.estimate import error_digits
from vaeline.experiments import sweep, tables
from vaeline.experiments.plots import seeds
from vaeline.experiments.results import PICTURES, PICTURES_LINK, RESULTS
from vaeline.experiments.sweep import Sweep

HEADING = ["", "Mean", "Standard deviation over trainings", "Trainings", "Standard error of one training"]
CAPTION = (
    "Nats an image on the test split. *Over trainings*: they differ in `seed` alone, that is in initial "
    "weights, order of the images and noise, and so does the noise of the estimates (n − 1 in the "
    "denominator). All are scored on the same images, whose own draw is not in this deviation. "
    "*Standard error of one training*: the estimator's own, over those images ({images} for the bounds, "
    "{fid_samples} a side for the Fréchet distances), as root mean square over the trainings. Another test "
    "set would move all of them together by about this much; more trainings do not lower it. Active units "
    "are a count, on the validation split."
)
UNCERTAIN = " From {n} trainings, a standard deviation is itself known to about {percent:.0f} %."


def seed_statistics(table: pd.DataFrame) -> pd.DataFrame:
    """Returns a row for each metric: `mean` and `sd` over the `n` trainings, and `se`, the error of one.

    `sd` has n − 1 in its denominator and is NaN for a single training; `se` is the root mean square of the
    trainings' standard errors over images, NaN for what has none.
    """
    rows = []
    for name in (name for name in tables.columns(table) if not name.endswith("_floor")):
        values, errors = (
            table.get(column, pd.Series(dtype=float)).dropna() for column in (name, f"{name}_se")
        )
        rows.append({
            "metric": name, "n": len(values), "mean": values.mean(), "sd": values.std(ddof=1),
            "se": math.sqrt((errors**2).mean()) if len(errors) else math.nan,
        })  # fmt: skip
    return pd.DataFrame(rows)


def document(swept: Sweep) -> str:
    """Returns the tables in Markdown, with what their errors mean and what made them."""
    table, names = swept.table, tables.columns(swept.table)
    overall = [[names[row["metric"]], *_figures(row)] for row in seed_statistics(table).to_dict("records")]
    each = [
        [param_text(row["seed"]), *(tables.table_cell(row, name) for name in names)]
        for row in table.to_dict("records")
    ]
    caption = CAPTION.format(**table.to_dict("records")[0])
    if len(table) > 1:
        caption += UNCERTAIN.format(n=len(table), percent=100 / math.sqrt(2 * len(table) - 2))
    lines = ["# Trainings that differ by seed", "", f"![seeds]({PICTURES_LINK}/seeds.png)", ""]
    lines += [tables.markdown_table([HEADING, *overall]), "", caption, ""]
    lines += ["Each training, ± its standard error over images:", ""]
    lines += [tables.markdown_table([["Seed", *names.values()], *each]), "", tables.made_by(swept)]
    return "\n".join([*lines, *tables.not_in_the_table(swept)]) + "\n"


def _figures(row: Mapping[str, Any]) -> list[str]:
    """Returns mean, standard deviation, number and standard error, to two digits of the smaller error."""
    errors = [error for error in (row["sd"], row["se"]) if error > 0]
    form = f".{error_digits(min(errors))}f" if errors else ".4g"
    mean, sd, se = ("–" if math.isnan(row[key]) else format(row[key], form) for key in ("mean", "sd", "se"))
    return [mean, sd, str(row["n"]), se]


def write(swept: Sweep) -> str:
    """Writes tables and picture to docs/results, and returns the tables."""
    written = document(swept)
    picture = seeds(swept.table, seed_statistics(swept.table), tables.columns(swept.table))
    write_text(RESULTS / "seeds.md", written)
    write_csv(RESULTS / "seeds.csv", swept.table)
    write_figure(PICTURES / "seeds.png", picture)
    return written


if __name__ == "__main__":
    sweep.command("seeds", "SEEDS", "1 2 3 4 5", write)
