"""Progress bars with an estimate of the remaining time."""

import sys
from collections.abc import Iterable
from typing import Any

from tqdm import tqdm

LOGGED_SECONDS = 15  # between two updates, where the output is a file


def bar(items: Iterable[Any] | None = None, **options: Any) -> "tqdm[Any]":
    """Returns tqdm's bar over `items`, or one to be updated by hand; with few updates outside a terminal."""
    terminal = sys.stderr.isatty()
    return tqdm(items, mininterval=0.2 if terminal else LOGGED_SECONDS, dynamic_ncols=terminal, **options)


def close_bars() -> None:
    """Ends the line of each bar that is still drawn: an error may leave a loop without ending its bar."""
    for drawn in list(getattr(tqdm, "_instances", ())):  # tqdm has no public list of them
        drawn.close()
