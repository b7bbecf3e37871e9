"""The pipeline's stages, each a small script: `python -m stages.train`."""

import os
import sys
from pathlib import Path

# OpenMP's threads spin while they wait for each other. Where another process wants the same cores, that made
# a training 30 times slower (measured); sleeping instead costs next to nothing. Read when torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# An experiment that DVC runs in a copy of the repository must run that copy's code, not the installed one.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))
