"""What imports make is not looked through for garbage; what comes later is, also at the end of a program."""

import subprocess
import sys

import pytest

PROGRAM = """
import gc, sys
from vaeline.runtime import garbage

class Cycle:
    def __init__(self, name):
        self.name, self.itself = name, self
    def __del__(self):
        print("found", self.name)

usual = gc.get_threshold()[0]
gc.disable()
Cycle("before")
getattr(garbage, sys.argv[1])() if len(sys.argv) > 1 else gc.enable()
Cycle("after")
gc.collect()
Cycle("last")
print("end", gc.isenabled(), {usual: "as usual", garbage.RARELY: "rarely"}[gc.get_threshold()[0]])
"""


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        ([], ["found before", "found after", "end True as usual", "found last"]),
        (["spare_what_is_imported"], ["found after", "end True as usual", "found last"]),
        (["look_rarely"], ["found before", "found after", "end False rarely", "found last"]),
    ],
    ids=["python", "stage", "command"],
)
def test_garbage_that_is_found(arguments, printed):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == printed
