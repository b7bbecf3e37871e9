"""How a stage runs: its params in, one clear line out where something is wrong."""

import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path

from vaeline.errors import VaelineError
from vaeline.params import Handed


def workspace() -> Path:
    """Returns the repository's root: also from the temporary copies that `dvc exp run --temp` works in."""
    return Path(os.environ.get("DVC_ROOT", ".")).resolve()


def run(name: str, main: Callable[[Handed], None]) -> None:
    """Runs a stage with the params that dvc.yaml hands it; exits with status 1 and one line on an error."""
    try:
        main(Handed.load(name))
    except VaelineError as error:
        sys.exit(f"{name}: {error}")
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        sys.exit(f"{name}: no space left on the disk ({error.filename}): free some and run again")
