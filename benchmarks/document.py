"""The measured ratios as docs/results/bench.json, bench.md and a picture."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from vaeline.core.files import write_figure, write_json, write_text
from vaeline.experiments.markdown import markdown_table
from vaeline.experiments.results import RESULTS
from vaeline.reporting.plots.palette import PALETTE
from vaeline.reporting.plots.style import figure, styled

HEADING = ("work", "against", "ratio", "quartiles", "goal", "reached", "rounds", "our time")
ANSWERS = {True: "yes", False: "no", None: "–"}
COLOURS = {True: PALETTE[0], False: PALETTE[5], None: PALETTE[8]}
LABELS = {True: "goal reached", False: "goal not reached", None: "no goal"}

TEXT = """# Benchmarks

![Ratios](bench.png)

{table}

Written by `python -m benchmarks`: {machines}.

A ratio is the time of another implementation over ours, for the same work on the same machine: the median
over rounds in which each takes a turn, with its quartiles. *Share* is the part of our time that the matrix
products alone would take, so that it cannot exceed 1. The roofline takes one pass over memory as well, by
copying as many bytes as a step must read and write: what the likelihood compares, in training its gradient,
and the weights with what Adam keeps of them. In the rows on growth, "a straight line" and memory are
the need at the smallest size over the largest need at any other. Seconds are for one image, where the work
has images. Our epoch is all that the train stage does: binarized images, monitor, validation, history,
MLflow's curves and the saved state, on all of MNIST, half of it (small_batch) or 2,560 images (conv). The
others and the products train on a quarter of the images, pytorch/examples on an eighth, and the time for an
image is compared. The extra time of a first epoch, such as compiling, is spread over a default training on
MNIST, and that of compiling IWAE-5,000 over the bounds of MNIST's test images.
"""


def write_benchmark(rows: Sequence[Mapping[str, Any]], order: Sequence[str]) -> None:
    """Merges `rows` into bench.json, and writes it, the page and the picture."""
    path = RESULTS / "bench.json"
    rows = with_stored(path, rows, order)
    table = markdown_table([HEADING, *map(_cells, rows)])
    machines = "; ".join(dict.fromkeys(f"commit `{row['commit']}`, {row['machine']}" for row in rows))
    write_json(path, rows)
    write_text(RESULTS / "bench.md", TEXT.format(table=table, machines=machines))
    write_figure(RESULTS / "bench.png", ratio_figure(rows))


def with_stored(
    path: Path, measured: Sequence[Mapping[str, Any]], order: Sequence[str]
) -> list[Mapping[str, Any]]:
    """Returns measured rows and those in the file `path` of benchmarks that were not measured, in order."""
    stored = json.loads(path.read_text()) if path.is_file() else []
    again = {row["group"] for row in measured}
    rows = [*(row for row in stored if row["group"] not in again), *measured]
    return sorted(rows, key=lambda row: order.index(row["group"]))


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    goal = "–" if row["goal"] is None else f"≥ {row['goal']:g}"
    aim = f" (aim {row['aim']:.2g})" if "aim" in row else ""
    quartiles = " – ".join(f"{value:.3g}" for value in row["spread"])
    seconds = f"{row['seconds']:.3g} s" if "seconds" in row else ""
    figures = f"{row['ratio']:.3g}", quartiles, goal + aim, ANSWERS[row["met"]], str(row["rounds"]), seconds
    return row["work"], row["against"], *figures


@styled
def ratio_figure(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Draws a bar for each ratio on a logarithmic axis, with its quartiles and its goal."""
    fig = figure(9.0, 1.2 + 0.32 * len(rows))
    axes = fig.add_subplot()
    for place, row in enumerate(rows):
        low, high = row["spread"]
        axes.barh(place, row["ratio"] - 1, left=1, height=0.62, color=COLOURS[row["met"]])
        axes.plot((low, high), (place, place), color=PALETTE[7], linewidth=1)
        if row["goal"] is not None:
            axes.plot(row["goal"], place, marker="|", markersize=15, markeredgewidth=2.5, color=PALETTE[1])
        end = max(1.0, high, row["goal"] or 0)
        axes.annotate(
            f"{row['ratio']:.2f}", (end, place), xytext=(7, 0), textcoords="offset points", va="center"
        )
    axes.set_yticks(range(len(rows)), labels=[f"{row['work']}  ∙  {row['against']}" for row in rows])
    axes.invert_yaxis()
    axes.axvline(1, color=PALETTE[7], linewidth=1)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.margins(x=0.1)
    axes.set_xlabel("ratio to ours, larger is better (black: quartiles over rounds)")
    axes.grid(visible=False, axis="y")
    for met in dict.fromkeys(row["met"] for row in rows):
        axes.barh(0, 0, left=1, color=COLOURS[met], label=LABELS[met])
    axes.plot(
        [], [], marker="|", linestyle="", markersize=12, markeredgewidth=2.5, color=PALETTE[1], label="goal"
    )
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4)
    return fig
