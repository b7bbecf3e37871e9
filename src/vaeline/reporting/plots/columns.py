"""Plots of rows of numbers: each column, pairs of columns, and how well columns are reconstructed."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vaeline.reporting.plots.palette import PALETTE
from vaeline.reporting.plots.style import figure, styled

MARGINALS = 24  # columns at most
PER_ROW = 4
HISTOGRAM_BINS = 30
PAIRED = 4
PAIRED_POINTS = 1000
COLUMNS_SHOWN = 40
INNER = (0.5, 99.5)  # percent: a sample far out would make the rest invisible
DATA, SAMPLES = PALETTE[8], PALETTE[0]


def column_figures(
    columns: Sequence[str], real: np.ndarray, drawn: np.ndarray, scores: pd.DataFrame
) -> dict[str, Figure]:
    """Returns the figures of the columns, by name.

    Args:
        columns: names of the D columns.
        real: validation rows [N, D], in the units of the data.
        drawn: samples x ~ p(x|z) at z ~ p(z), [M, D].
        scores: the table of `column_scores`.
    """
    return {
        "marginals": marginals(columns, real, drawn, "Validation rows, and samples x ~ p(x|z) at z ~ p(z)"),
        "pairs": pairs(columns, real, drawn, "Validation rows below the diagonal, samples above it"),
        "column_errors": column_errors(scores),
    }


@styled
def marginals(columns: Sequence[str], real: np.ndarray, drawn: np.ndarray, title: str) -> Figure:
    """Returns histograms of data [N, D] and samples [M, D] for each column, in the units of the data."""
    chosen = columns[:MARGINALS]
    width = min(PER_ROW, len(chosen))
    height = math.ceil(len(chosen) / width)
    fig = figure(0.6 + 2.3 * width, 0.9 + 1.7 * height)
    cells = list(fig.subplots(height, width, squeeze=False).flat)
    for axes in cells:
        axes.set_axis_off()
    for j, (axes, name) in enumerate(zip(cells, chosen, strict=False)):
        axes.set_axis_on()
        _histograms(axes, real[:, j], drawn[:, j])
        axes.set_title(name, fontsize=10, loc="left", parse_math=False)
        axes.set_yticks([])
    more = f" (the first {len(chosen)} of {len(columns)} columns)" if len(chosen) < len(columns) else ""
    fig.suptitle(f"{title}{more}", fontsize=11, x=0.01, ha="left")
    fig.legend(*fig.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return fig


@styled
def pairs(columns: Sequence[str], real: np.ndarray, drawn: np.ndarray, title: str) -> Figure:
    """Returns a matrix of scatter plots of up to four columns: data below the diagonal, samples above it.

    These are the columns that depend most on the others: those with the largest sum of squared rank
    correlations. Variances could not be compared, since columns have different units.
    """
    chosen = _most_dependent(real)
    fig = figure(7.5, 7.8)
    cells = fig.subplots(len(chosen), len(chosen), squeeze=False)
    for (row, column), axes in np.ndenumerate(cells):
        x, y = chosen[column], chosen[row]
        if row == column:
            _histograms(axes, real[:, x], drawn[:, x])
            axes.set_yticks([])
        else:
            values, colour = (real, DATA) if row > column else (drawn, SAMPLES)
            axes.scatter(values[:PAIRED_POINTS, x], values[:PAIRED_POINTS, y], s=4, alpha=0.4, color=colour)
            axes.set_ylim(*_limits(real[:, y], drawn[:, y]))
        axes.set_xlim(*_limits(real[:, x], drawn[:, x]))
        axes.tick_params(labelsize=8)
        if row == len(chosen) - 1:
            axes.set_xlabel(columns[x], parse_math=False)
        if column == 0:
            axes.set_ylabel(columns[y], parse_math=False)
    fig.suptitle(title, fontsize=11, x=0.01, ha="left")
    fig.legend(*fig.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return fig


@styled
def column_errors(scores: pd.DataFrame) -> Figure:
    """Returns the unexplained share of each column's variance as bars, the largest first.

    It is that of `column_scores`; columns that are constant have none.
    """
    ranked = scores.dropna(subset=["unexplained"]).sort_values("unexplained", ascending=False)
    chosen = ranked.head(COLUMNS_SHOWN)[::-1]
    fig = figure(7.0, 1.2 + 0.26 * len(chosen))
    axes = fig.add_subplot()
    positions = np.arange(len(chosen))
    axes.barh(positions, chosen["unexplained"], xerr=2 * chosen["unexplained_se"], color=SAMPLES)
    axes.set_yticks(positions, labels=chosen["column"], parse_math=False)
    axes.axvline(1, color=PALETTE[5], linewidth=1)
    axes.set_xlabel("mean squared error / variance of the column (1: no better than the mean)")
    of = f" (the worst {len(chosen)} of {len(ranked)} columns)" if len(chosen) < len(ranked) else ""
    axes.set_title(f"Reconstruction error by column{of}", fontsize=11, loc="left")
    return fig


def _histograms(axes: Axes, real: np.ndarray, drawn: np.ndarray) -> None:
    bins = np.linspace(*_limits(real, drawn), HISTOGRAM_BINS + 1).tolist()
    axes.hist(real, bins, density=True, color=DATA, alpha=0.6, label="data")
    axes.hist(drawn, bins, density=True, histtype="step", color=SAMPLES, linewidth=1.5, label="samples")
    axes.tick_params(labelsize=8)


def _limits(real: np.ndarray, drawn: np.ndarray) -> tuple[float, float]:
    """Returns the range that data and most samples are in; not empty."""
    low, high = (
        side(*ends)
        for side, ends in zip(
            (min, max),
            zip(np.percentile(real, INNER), np.percentile(drawn, INNER), strict=True),
            strict=True,
        )
    )
    margin = 0.05 * (high - low) or 0.5
    return low - margin, high + margin


def _most_dependent(real: np.ndarray) -> list[int]:
    ranks = pd.DataFrame(real).corr(method="spearman").fillna(0).to_numpy() ** 2
    return sorted(np.argsort(-ranks.sum(0), kind="stable")[:PAIRED].tolist())
