"""How a stage runs: with its params, and with a one-line error if something is wrong."""

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
"""The stages that write a metrics.json, in the order in which they run."""
GRACE = 30  # seconds for the first of several processes to print its error: when one ends, all are ended


def workspace() -> Path:
    """Returns the repository's root, also in the temporary copies that `dvc exp run --temp` makes of it."""
    return Path(os.environ.get("DVC_ROOT", ".")).resolve()


def run_stage(name: str, main: Callable[[StageParams], None], shared: bool = False) -> None:
    """Runs a stage; exits with status 1 and a one-line message on a VaelineError or a full disk.

    Args:
        name: of the stage in dvc.yaml.
        main: what the stage does, given the params that dvc.yaml lists for it.
        shared: whether it runs as NPROC processes, all of which compute and the first of which writes.
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
        sys.exit(f"{name}: no space left on the disk ({error.filename}): free some space and run again")
