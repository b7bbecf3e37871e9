"""The picture of measured differences beside published ones."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vaeline.experiments.studies.differences import RESOLVED, CellDifference
from vaeline.reporting.plots.palette import PALETTE
from vaeline.reporting.plots.style import figure, styled

MARKERS = {"burda": ("s", PALETTE[5]), "fast": ("o", PALETTE[0])}


@styled
def difference_figure(differences: Mapping[str, Sequence[CellDifference]]) -> Figure:
    """Returns each measured difference over the published one, by family, with a line where they are equal.

    Bars are two standard errors of the distance between the two.
    """
    fig = figure(7.0, 6.0)
    axes = fig.add_subplot()
    for family, of_family in differences.items():
        if of_family:
            _points(axes, family, of_family)
    low, high = axes.get_xlim()
    axes.axline((0, 0), slope=1, color=PALETTE[8], linewidth=1, linestyle="--", label="equal")
    axes.set_xlim(low, high)
    axes.axhline(0, color=PALETTE[8], linewidth=0.8)
    axes.axvline(0, color=PALETTE[8], linewidth=0.8)
    axes.set_xlabel("published difference of NLL between two cells, nats")
    axes.set_ylabel("measured difference, nats")
    axes.set_title(f"Bars: {RESOLVED} standard errors of measured − published", fontsize=11, loc="left")
    axes.legend(loc="lower right")
    return fig


def _points(axes: Axes, family: str, differences: Sequence[CellDifference]) -> None:
    marker, colour = MARKERS[family]
    axes.errorbar(
        [d.published for d in differences], [d.measured.mean for d in differences],
        yerr=[RESOLVED * d.distance_error for d in differences],
        label=f"{family}- presets", color=colour, marker=marker, markersize=5, capsize=3, linestyle="",
    )  # fmt: skip
