"""The picture of a search: parallel coordinates, and the Pareto front of two objectives."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vaeline.core.params import param_text
from vaeline.reporting.plots.palette import PALETTE
from vaeline.reporting.plots.style import figure, styled

MOST_LABELS = 6  # values that are written beside an axis
FAINT = 0.35


@styled
def search_figure(
    table: pd.DataFrame, keys: Sequence[str], objectives: Sequence[str], best: Sequence[int]
) -> Figure:
    """Returns an axis for each param and objective, and a line for each trial, the best ones in front.

    Pruned trials are dashed. With two objectives, their plane is beside it.

    Args:
        table: The table of a search.
        keys: The params that vary.
        objectives: The columns of the objectives.
        best: The numbers of the best trials.
    """
    plane = len(objectives) == 2
    columns = [*keys, *objectives]
    fig = figure(2.0 + 1.7 * len(columns) + 5.0 * plane, 4.5)
    grid = fig.add_gridspec(1, 2 if plane else 1, width_ratios=(1.7 * len(columns), 5.0) if plane else None)
    _parallel(fig.add_subplot(grid[0]), table, columns, best)
    if plane:
        _front(fig.add_subplot(grid[1]), table, objectives, best)
    return fig


def _parallel(axes: Axes, table: pd.DataFrame, columns: Sequence[str], best: Sequence[int]) -> None:
    heights = [_heights(axes, place, table[column]) for place, column in enumerate(columns)]
    for row, line in zip(table.to_dict("records"), np.transpose(heights), strict=True):
        chosen, pruned = row["trial"] in best, row["state"] == "pruned"
        axes.plot(
            range(len(columns)), line, color=PALETTE[5] if chosen else PALETTE[0],
            alpha=1.0 if chosen else FAINT, linewidth=2 if chosen else 1,
            linestyle="--" if pruned else "-", zorder=3 if chosen else 2, clip_on=False,
        )  # fmt: skip
    axes.set_xticks(range(len(columns)), labels=[column.replace("/", "/\n") for column in columns])
    axes.set_xlim(0, len(columns) - 0.5)
    axes.set_ylim(0, 1)
    axes.set_yticks([])
    axes.grid(visible=False)
    axes.spines["left"].set_visible(False)
    axes.spines["bottom"].set_visible(False)
    axes.tick_params(length=0)


def _heights(axes: Axes, place: int, values: "pd.Series[Any]") -> list[float]:
    """Draws the axis of a column, and returns the height of each value on it, from 0 to 1."""
    axes.axvline(place, color=PALETTE[8], linewidth=1, zorder=1)
    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
        low, high = float(values.min()), float(values.max())
        heights = [(float(value) - low) / (high - low) if high > low else 0.5 for value in values]
        labels = {0.0: f"{low:.4g}", 1.0: f"{high:.4g}"} if high > low else {0.5: f"{low:.4g}"}
    else:
        texts = [param_text(value) for value in values]
        order = sorted(set(texts))
        at = {text: (i + 0.5) / len(order) for i, text in enumerate(order)}
        heights = [at[text] for text in texts]
        labels = {height: text for text, height in list(at.items())[:MOST_LABELS]}
    for height, text in labels.items():
        axes.annotate(
            text, (place, height), xytext=(4, 0), textcoords="offset points", va="center", fontsize=8
        )
    return heights


def _front(axes: Axes, table: pd.DataFrame, objectives: Sequence[str], best: Sequence[int]) -> None:
    first, second = objectives
    others = table[~table["trial"].isin(best)]
    front = table[table["trial"].isin(best)].sort_values(first)
    axes.plot(others[first], others[second], "o", color=PALETTE[0], alpha=FAINT, label="other trials")
    axes.plot(front[first], front[second], "o-", color=PALETTE[5], label="Pareto front")
    for row in front.to_dict("records"):
        place = (row[first], row[second])
        axes.annotate(str(row["trial"]), place, xytext=(5, 5), textcoords="offset points", fontsize=8)
    axes.set_xlabel(first)
    axes.set_ylabel(second)
    axes.legend(fontsize=8)
