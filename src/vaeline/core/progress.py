"""Progress bars, with an estimate of the time that is left."""

import sys
from collections.abc import Iterable
from typing import Any

from tqdm import tqdm

LOGGED_SECONDS = 15  # between two lines, where the output is a file that nobody watches


def bar(items: Iterable[Any] | None = None, **options: Any) -> "tqdm[Any]":
    """Returns tqdm's bar over `items`, or one to be updated by hand; sparing where it is not a terminal."""
    watched = sys.stderr.isatty()
    return tqdm(items, mininterval=0.2 if watched else LOGGED_SECONDS, dynamic_ncols=watched, **options)
