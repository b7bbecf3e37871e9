"""Starts the processes that share a stage: `NPROC=2 dvc repro`, through torchrun."""

import logging
import os
import sys
from typing import NoReturn

from vaeline.core.errors import VaelineError
from vaeline.runtime.hosts import Hosts
from vaeline.runtime.meeting import JOIN_WITHIN

TURN_HELD = "VAELINE_TURN_HELD"


def wanted() -> int:
    """Returns NPROC, or 1 if it is not set; raises VaelineError if it is not a number of processes."""
    given = os.environ.get("NPROC", "1")
    if not given.isdecimal() or int(given) < 1:
        raise VaelineError(f"NPROC = '{given}' is not a number of processes: use 1 or more")
    return int(given)


def all_wanted() -> int:
    """Returns how many processes NPROC and NNODES ask for together; raises VaelineError as these do."""
    hosts = Hosts.from_environment()
    return wanted() * (hosts.count if hosts else 1)


def started_by_stage() -> bool:
    """Returns whether a stage started this process as one of several, and has the stage's turn."""
    return TURN_HELD in os.environ


def start(stage: str, device: str) -> NoReturn:
    """Runs NPROC processes of `stage` on this host under torchrun, and exits with their status.

    Raises:
        VaelineError: for more processes than GPUs, and where other hosts are to join that cannot.
    """
    import torch
    from torch.distributed import DistError
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.run import parse_args, run

    if device != "cpu" and 0 < torch.cuda.device_count() < wanted():
        raise VaelineError(
            f"NPROC = {wanted()}, but there are {torch.cuda.device_count()} GPUs: use fewer, or device: cpu"
        )
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, torch.get_num_threads() // wanted())))
    os.environ[TURN_HELD] = "1"
    meeting = _meeting(stage)
    logging.disable(logging.CRITICAL)  # torchrun's loggers have levels of their own
    try:
        run(parse_args([*meeting, f"--nproc-per-node={wanted()}", "-m", f"stages.{stage}"]))
    except ChildFailedError:  # the leader has printed why
        sys.exit(1)
    except DistError:
        raise VaelineError(
            f"the other hosts have not joined within {JOIN_WITHIN} s, or are lost: see what they print, and "
            "start the same command on every host"
        ) from None
    except SignalException as error:  # which it has passed on to them
        sys.exit(128 + error.sigval)
    sys.exit(0)


def _meeting(stage: str) -> list[str]:
    """Returns the options with which torchrun finds the processes of other hosts."""
    hosts = Hosts.from_environment()
    if hosts is None:
        return ["--standalone"]
    port = hosts.stage_port(stage)
    # Static, since with c10d any host may become the first, and a lost one keeps the others for minutes.
    return [
        *(f"--nnodes={hosts.count}", f"--node-rank={hosts.rank}", "--rdzv-backend=static"),
        *(f"--master-addr={hosts.name}", f"--master-port={port}", f"--rdzv-conf=timeout={JOIN_WITHIN}"),
    ]
