"""How every picture looks."""

import matplotlib as mpl
from matplotlib.figure import Figure

from vaeline.reporting.plots.palette import PALETTE

STYLE = {
    "figure.dpi": 100,
    "axes.prop_cycle": mpl.cycler(color=PALETTE),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.alpha": 0.25,
    "legend.frameon": False,
    "font.size": 10,
}


styled = mpl.rc_context(STYLE)
"""Decorator: what a function draws looks as above, and nothing outside of it changes."""


def figure(width: float = 7.0, height: float = 4.0) -> Figure:
    """Returns an empty figure of `width` × `height` inches, drawn without a display."""
    return Figure(figsize=(width, height), layout="constrained")
