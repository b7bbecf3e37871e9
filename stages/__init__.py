"""The pipeline's stages, each a small script: `python -m stages.train`."""

import os
import sys
from pathlib import Path

# OpenMP's threads spin while they wait for each other. Of a training with two cores to itself, those put to
# sleep at once double the time; of two on the same two cores, those that spin for as long as is usual take
# five times as long and more. This bound takes nothing of the one and under four of the other (measured).
# Read when torch is imported.
os.environ.setdefault("GOMP_SPINCOUNT", "2000")

# An experiment that DVC runs in a copy of the repository must run that copy's code, not the installed one.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))

from vaeline.runtime.stopping import stop_without_traceback

stop_without_traceback()
