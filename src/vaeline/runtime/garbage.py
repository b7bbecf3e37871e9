"""Python's garbage collector in programs whose packages are a million objects, which all live to the end.

Looking through them takes a tenth of a second each time and a whole one when the program ends, and finds
nothing (measured). What comes later is looked through at the end as well: some extension modules, such as
Triton's, count what is left then and complain.
"""

import gc

RARELY = 10_000  # new objects between two looks; that of Python 3.11 is 700


def spare_what_is_imported() -> None:
    """Looks for garbage from now on, but never among what there is now."""
    gc.freeze()
    gc.enable()


def look_rarely() -> None:
    """Looks for garbage less often: for a program that imports while it runs."""
    gc.set_threshold(RARELY)
