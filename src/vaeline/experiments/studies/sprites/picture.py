"""The picture of the study: MIG over the weight of each method, above the rate."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vaeline.experiments.studies.sprites.floor import ROTATION
from vaeline.experiments.studies.sprites.grid import GRID_METHODS, Method
from vaeline.reporting.plots.palette import PALETTE
from vaeline.reporting.plots.style import figure, styled

GREY = PALETTE[8]
AXIS_MARGIN = 1.2  # of the weights, on their logarithmic axis


@styled
def sprites_figure(table: pd.DataFrame, information: float) -> Figure:
    """Returns a column for each method, on validation images: MIG in the upper row, the rate in the lower.

    Args:
        table: The recorded rows, those of the floor among them.
        information: log N in nats, which the rate is compared with.
    """
    fig = figure(3.0 * len(GRID_METHODS), 5.2)
    axes = fig.subplots(2, len(GRID_METHODS), sharey="row", squeeze=False)
    floor = table[table["method"] == ROTATION]["valid_mig"]
    for (upper, lower), method, colour in zip(axes.T, GRID_METHODS, PALETTE, strict=False):
        of = table[table["method"] == method.name]
        _over_weight(upper, of, "valid_mig", colour)
        _over_weight(lower, of, "valid_rate", colour)
        _band(upper, floor)
        lower.axhline(information, color=GREY, linestyle="--", linewidth=1, label="log N")
        upper.set_title(method.title, fontsize=10, loc="left")
        _weight_axis(lower, method)
        _weight_axis(upper, method)
        lower.set_xlabel(f"weight {method.symbol}")
    axes[0, 0].set_ylabel("MIG of means")
    axes[1, 0].set_ylabel("rate, nats")
    axes[0, 0].set_ylim(bottom=0)
    axes[1, 0].set_ylim(bottom=0)
    axes[1, 0].legend(loc="upper right", fontsize=8)
    return fig


def _over_weight(axes: Axes, of: pd.DataFrame, name: str, colour: str) -> None:
    axes.plot(of["weight"], of[name], "o", color=colour, alpha=0.5, markersize=4, markeredgewidth=0)
    axes.plot(of.groupby("weight")[name].mean(), color=colour, linewidth=1.5)


def _band(axes: Axes, floor: "pd.Series[float]") -> None:
    """Draws mean ± standard deviation of the rotations."""
    if len(floor) > 1:
        mean, deviation = floor.mean(), floor.std(ddof=1)
        axes.axhspan(mean - deviation, mean + deviation, color=GREY, alpha=0.25, linewidth=0)
        axes.axhline(mean, color=GREY, linestyle=":", linewidth=1)
        axes.annotate(
            "floor", (0.98, mean), xycoords=("axes fraction", "data"), ha="right", va="bottom", fontsize=8
        )


def _weight_axis(axes: Axes, method: Method) -> None:
    axes.set_xscale("log", base=2)
    axes.set_xticks(method.weights, labels=[f"{weight:g}" for weight in method.weights], fontsize=7)
    axes.set_xlim(method.weights[0] / AXIS_MARGIN, method.weights[-1] * AXIS_MARGIN)
    axes.minorticks_off()
