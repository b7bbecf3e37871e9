"""The pipeline's stages, each a small script: `python -m stages.train`."""

import gc
import os
import sys
from importlib.util import find_spec
from pathlib import Path

# `.venv/bin/dvc repro` finds DVC, and the stages then run in whatever else is called python.
for package in ("pydantic", "ruamel", "torch"):
    if find_spec(package) is None:
        sys.exit(
            f"the package '{package}' is missing for {sys.executable}: `source .venv/bin/activate` and run "
            "again (`make .venv/.ready` sets it up)"
        )

as_program = sys.argv[0] == "-m"  # `python -m stages.train`
if as_program and len(sys.argv) > 1:
    print("a stage takes no arguments, it reads params.yaml: `dvc repro` runs what has to run")
    sys.exit(0 if {"-h", "--help"} & {*sys.argv} else 2)

# To look for garbage among what imports make, all of which stays, takes a sixth of their time. `run_stage`
# turns it on again, for what comes after.
if as_program:
    gc.disable()

# OpenMP's threads spin while they wait for each other. Of a training with two cores to itself, those put to
# sleep at once double the time; of two on the same two cores, those that spin for as long as is usual take
# five times as long and more. This bound takes nothing of the one and under four of the other (measured).
# Read when torch is imported.
os.environ.setdefault("GOMP_SPINCOUNT", "2000")

# An experiment that DVC runs in a copy of the repository must run that copy's code, not the installed one.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))

from vaeline.runtime.stopping import stop_without_traceback  # noqa: E402 (the path comes first)

stop_without_traceback()
