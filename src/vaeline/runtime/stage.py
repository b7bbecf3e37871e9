"""How a stage runs: its params in, one clear line out where something is wrong."""

import contextlib
import errno
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from vaeline.core.errors import VaelineError
from vaeline.core.params import StageParams
from vaeline.runtime import processes

MEASURED_STAGES = ("prepare", "check", "train", "evaluate", "fid_reference", "fid", "diagnose")
"""The stages that leave a metrics.json, in the order in which they run."""
GRACE = 30  # seconds for the first of several processes to say what is wrong: the first to end, ends all


def workspace() -> Path:
    """Returns the repository's root: also from the temporary copies that `dvc exp run --temp` works in."""
    return Path(os.environ.get("DVC_ROOT", ".")).resolve()


def run_stage(name: str, main: Callable[[StageParams], None], shared: bool = False) -> None:
    """Runs a stage with the params that dvc.yaml hands it; exits with status 1 and one line on an error.

    A `shared` stage runs as NPROC processes, which `main` must be ready for: all compute, the first writes.
    """
    try:
        params = StageParams.load(name)
        if shared and processes.wanted() > 1 and not processes.launched():
            processes.start(f"stages.{name}", params.device)
        with processes.together(params.device) if shared else contextlib.nullcontext():
            main(params)
    except VaelineError as error:
        if not processes.leads():
            time.sleep(GRACE)
        sys.exit(f"{name}: {error}")
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        sys.exit(f"{name}: no space left on the disk ({error.filename}): free some and run again")
