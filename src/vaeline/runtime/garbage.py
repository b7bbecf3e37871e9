"""Python's garbage collector in programs whose packages are a million objects, which all live to the end.

Looking through them takes a tenth of a second each time and a whole one when the program ends, and finds
nothing (measured).
"""

import atexit
import gc

RARELY = 10_000  # new objects between two looks; Python's own number is 700


def spare_what_is_imported() -> None:
    """Looks for garbage from now on, but not among what there is now, and not at the end of the program."""
    gc.freeze()
    gc.enable()
    atexit.register(gc.freeze)


def look_rarely() -> None:
    """Looks for garbage less often, and not at the end: for a program that imports while it runs."""
    gc.set_threshold(RARELY)
    atexit.register(gc.freeze)
