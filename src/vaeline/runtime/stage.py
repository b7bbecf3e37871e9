"""How a stage runs: with its params, and with a one-line error if something is wrong."""

import contextlib
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from vaeline.core.errors import VaelineError
from vaeline.core.files import DISK_FULL
from vaeline.core.params import StageParams
from vaeline.core.progress import close_bars
from vaeline.runtime import launching, processes
from vaeline.runtime.allocation import keep_freed_memory
from vaeline.runtime.damage import with_remedy
from vaeline.runtime.finished import remove_recorded
from vaeline.runtime.garbage import spare_what_is_imported
from vaeline.runtime.hosts import joins
from vaeline.runtime.meeting import together
from vaeline.runtime.stopping import INTERRUPTED, end_with_starter, stoppable
from vaeline.runtime.turns import turn

MEASURED_STAGES = ("prepare", "check", "train", "evaluate", "fid_reference", "fid", "diagnose")
"""The stages that write a metrics.json, in the order in which they run."""
SHARED_STAGES = ("train", "evaluate", "fid_reference", "fid")
"""The stages that run as NPROC processes, all of which compute and the first of which writes."""
STATES = "state_*.pt"
"""The states of a training in its folder of `trainings()`: named by epoch, so that the last is the newest."""
GRACE = 30  # seconds for the first of several processes to print its error: when one ends, all are ended


def workspace() -> Path:
    """Returns the repository's root, also in the temporary copies that `dvc exp run --temp` makes of it."""
    return Path(os.environ.get("DVC_ROOT", ".")).resolve()


def trainings() -> Path:
    """Returns where trainings keep their state while they run, see `training.resume`."""
    return workspace() / ".scratch" / "train"


def run_stage(name: str, main: Callable[[StageParams], None]) -> None:
    """Runs a stage; exits with a one-line message if the user can mend what is wrong, or has stopped it.

    The status is 1 after a VaelineError and on a full disk, and 130 after Ctrl-C.

    Args:
        name: of the stage in dvc.yaml.
        main: what the stage does, given the params that dvc.yaml lists for it.
    """
    spare_what_is_imported()
    keep_freed_memory()
    try:
        with stoppable():
            end_with_starter()
            _run(name, main)
    except VaelineError as error:
        if not processes.leads() and not _first_of_further_host():
            time.sleep(GRACE)
        close_bars()
        sys.exit(f"{name}: {with_remedy(error, in_workspace=workspace() == Path.cwd())}")
    except OSError as error:
        if error.errno not in DISK_FULL:
            raise
        close_bars()
        full = error.filename2 or error.filename  # the second is where it was copied to
        sys.exit(f"{name}: no space left on the disk ({full}): free some space and run again")
    except KeyboardInterrupt as error:
        if processes.leads():
            with contextlib.suppress(OSError):  # the terminal may be gone
                close_bars()
                print(f"{name}: stopped; {_how_to_resume(name)}", file=sys.stderr, flush=True)
        sys.exit(getattr(error, "status", INTERRUPTED))


def _run(name: str, main: Callable[[StageParams], None]) -> None:
    params, shared = StageParams.load(name), name in SHARED_STAGES
    with contextlib.ExitStack() as stack:
        if processes.leads() and not launching.started_by_stage() and not joins():
            stack.enter_context(turn(name))
            remove_recorded(trainings())
        if shared and not processes.launched() and launching.all_wanted() > 1:
            launching.start(name, params.device)
        if shared:
            stack.enter_context(together(params.device))
            params = processes.from_first(params)  # other hosts have a params.yaml of their own
        main(params)


def _first_of_further_host() -> bool:
    """Returns whether nobody but this process tells its host of an error."""
    return processes.on_several_hosts() and processes.local_rank() == 0


def _how_to_resume(stage: str) -> str:
    command = "the same command" if "DVC_EXP_NAME" in os.environ else "`dvc repro`"
    done = "resumes it after its last whole epoch" if stage == "train" else "runs it again"
    return f"{command} {done}"
