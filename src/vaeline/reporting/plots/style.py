"""The style of pictures."""

from typing import Any

import matplotlib as mpl
from cycler import cycler
from matplotlib.figure import Figure
from matplotlib.typing import RcKeyType

from vaeline.reporting.plots.palette import PALETTE

STYLE: dict[RcKeyType, Any] = {
    "figure.dpi": 100,
    "axes.prop_cycle": cycler(color=PALETTE),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.alpha": 0.25,
    "legend.frameon": False,
    "font.size": 10,
}

styled = mpl.rc_context(STYLE)
"""Decorator: the function draws in this style, and the style outside of it does not change."""


def figure(width: float = 7.0, height: float = 4.0) -> Figure:
    """Returns an empty figure of `width` × `height` inches, which needs no display."""
    return Figure(figsize=(width, height), layout="constrained")
