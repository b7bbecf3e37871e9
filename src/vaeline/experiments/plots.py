"""Pictures of sweeps: the rate-distortion plane, and trainings that differ by seed."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vaeline.reporting.plots.palette import PALETTE
from vaeline.reporting.plots.style import figure, styled

ERRORS = 2  # standard errors that an error bar extends to each side
DISTANCES = {"fid_classifier": ("classifier", PALETTE[2]), "fid": ("Inception", PALETTE[3])}


@styled
def frontier_figure(table: pd.DataFrame) -> Figure:
    """Returns the rate-distortion plane with lines of equal ELBO, and bounds, distances and units over β.

    Error bars are two standard errors over examples.

    Args:
        table: The table of a sweep over beta, in rising order.
    """
    fig = figure(11.0, 6.0)
    grid = fig.add_gridspec(3, 2, width_ratios=(1.6, 1))
    _plane(fig.add_subplot(grid[:, 0]), table)
    bounds, distances, units = (fig.add_subplot(grid[row, 1]) for row in range(3))
    _over_beta(bounds, table, "iwae", f"IWAE-{table['iwae_k'].iloc[0]}", PALETTE[0])
    _over_beta(bounds, table, "elbo", "ELBO", PALETTE[1])
    bounds.set_ylabel("nats, test")
    for name, (label, colour) in DISTANCES.items():
        if name in table:
            _over_beta(distances, table, name, label, colour)
            floor = table[f"{name}_floor"].to_numpy()
            distances.plot(floor, color=colour, linestyle=":", label=f"{label}, real against real")
    distances.set_ylabel("Fréchet distance")
    distances.set_ylim(bottom=0)
    _over_beta(units, table, "active_units", "", PALETTE[5])
    units.set_ylim(0, 1.05 * table["latent_dims"].max())
    units.set_ylabel(f"active units of {table['latent_dims'].max()}, valid")
    units.set_xlabel("β in training")
    for axes in (bounds, distances):
        axes.legend(fontsize=8)
    return fig


def _plane(axes: Axes, table: pd.DataFrame) -> None:
    _points(axes, table["rate"], table, "distortion", PALETTE[0], xerr=ERRORS * table["rate_se"])
    for row in table.to_dict("records"):
        label, place = f"β = {row['beta']:g}", (row["rate"], row["distortion"])
        axes.annotate(label, place, xytext=(7, 7), textcoords="offset points", fontweight="bold")
    axes.margins(0.12)
    axes.grid(visible=False)
    rates, distortions = (np.linspace(*limits, 50) for limits in (axes.get_xlim(), axes.get_ylim()))
    elbo = -(rates[None, :] + distortions[:, None])
    lines = axes.contour(
        rates, distortions, elbo, levels=8, colors=PALETTE[8], linewidths=0.8, linestyles="--"
    )
    axes.clabel(lines, fmt=lambda elbo: f"ELBO {elbo:g}".replace("-", "−"), fontsize=8)
    axes.set_xlabel("rate, KL to the prior, nats")
    axes.set_ylabel("distortion, −E[log p(x|z)], nats")
    axes.set_title(f"Test split, bars: {ERRORS} standard errors over examples", fontsize=11, loc="left")


def _over_beta(axes: Axes, table: pd.DataFrame, name: str, label: str, colour: str) -> None:
    _points(axes, range(len(table)), table, name, colour, label=label)
    axes.set_xticks(range(len(table)), labels=[f"{beta:g}" for beta in table["beta"]])


def _points(
    axes: Axes,
    x: "Sequence[float] | pd.Series[Any]",
    table: pd.DataFrame,
    name: str,
    colour: str,
    xerr: "pd.Series[Any] | None" = None,
    label: str = "",
    linestyle: Literal["-", ""] = "-",
) -> None:
    """Draws the column `name` over `x`, with its error bars where it has standard errors."""
    yerr = ERRORS * table[f"{name}_se"] if f"{name}_se" in table else None
    axes.errorbar(
        x, table[name], xerr=xerr, yerr=yerr, label=label, color=colour, linewidth=1, linestyle=linestyle,
        marker="o", markersize=5, capsize=3,
    )  # fmt: skip


@styled
def seeds_figure(table: pd.DataFrame, statistics: pd.DataFrame, headings: Mapping[str, str]) -> Figure:
    """Returns a panel for each metric: each training with its own error, above the mean and deviation of all.

    Error bars are two standard errors over examples. The band is one standard deviation over trainings to
    each side of their mean.

    Args:
        table: The table of a sweep over seed.
        statistics: A row for each metric, with the columns metric, mean and sd.
        headings: The title of each metric's panel.
    """
    columns = -(-len(statistics) // 2)
    fig = figure(3.0 * columns, 5.0)
    for place, row in enumerate(statistics.to_dict("records")):
        name = row["metric"]
        axes = fig.add_subplot(2, columns, place + 1)
        if row["sd"] >= 0:  # not of a single training
            ends = row["mean"] - row["sd"], row["mean"] + row["sd"]
            axes.axhspan(*ends, color=PALETTE[4], alpha=0.3, linewidth=0)
        axes.axhline(row["mean"], color=PALETTE[0], linewidth=1)
        _points(axes, range(len(table)), table, name, PALETTE[7], linestyle="")
        axes.set_xticks(range(len(table)), labels=table["seed"])
        axes.set_title(headings[name], fontsize=11, loc="left")
        axes.set_xlabel("seed")
    bars = f"{ERRORS} standard errors over examples"
    legend = f"Line and band: mean ± standard deviation over trainings. Bars: {bars}"
    fig.suptitle(legend, fontsize=10)
    return fig
