"""The pipeline's stages, each a small script: `python -m stages.train`."""

import sys
from pathlib import Path

# An experiment that DVC runs in a copy of the repository must run that copy's code, not the installed one.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))
