"""Several processes at one piece of work: `NPROC=2 dvc repro`, by way of torchrun.

Every process runs the same stage; the first leads, which is to write and to speak. Without NPROC there is
one process, it leads, and nothing here costs anything.
"""

import contextlib
import ctypes
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from vaeline.core.errors import VaelineError

PR_SET_PDEATHSIG = 1  # prctl(2)
ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


def wanted() -> int:
    """Returns NPROC, 1 where it is not set; raises VaelineError for what is no number of processes."""
    given = os.environ.get("NPROC", "1")
    if not given.isdecimal() or int(given) < 1:
        raise VaelineError(f"NPROC = '{given}' is not a number of processes: use 1 or more")
    return int(given)


def launched() -> bool:
    """Returns whether torchrun started this process."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def size() -> int:
    """Returns how many processes work together."""
    return int(os.environ["WORLD_SIZE"]) if launched() else 1


def rank() -> int:
    """Returns which of them this one is, from 0."""
    return int(os.environ["RANK"]) if launched() else 0


def leads() -> bool:
    """Returns whether this process is the one that writes and speaks."""
    return rank() == 0


def start(module: str, device: str) -> NoReturn:
    """Runs as many processes of `module` as are wanted under torchrun, and ends as they do.

    Raises VaelineError where there are more of them than GPUs to work on.
    """
    import torch
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.run import parse_args, run

    if device != "cpu" and 0 < torch.cuda.device_count() < wanted():
        raise VaelineError(
            f"NPROC = {wanted()}, but there are {torch.cuda.device_count()} GPUs: use fewer, or device: cpu"
        )
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, torch.get_num_threads() // wanted())))
    logging.getLogger("torch.distributed").setLevel(logging.CRITICAL)
    try:
        run(parse_args(["--standalone", f"--nproc-per-node={wanted()}", "-m", module]))
    except ChildFailedError:  # the first process has said why
        sys.exit(1)
    sys.exit(0)


@contextlib.contextmanager
def together(device: str) -> Iterator[None]:
    """Within the block the processes can reach each other, and all but the first are silent."""
    if size() == 1:
        yield
        return
    import torch

    if sys.platform == "linux":  # killed, torchrun would leave its processes behind
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if device != "cpu" and torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    torch.distributed.init_process_group()  # gloo between CPUs, nccl between GPUs
    with contextlib.ExitStack() as stack:
        stack.callback(torch.distributed.destroy_process_group)
        if not leads():
            nowhere = stack.enter_context(Path(os.devnull).open("w"))
            stack.enter_context(contextlib.redirect_stdout(nowhere))
            stack.enter_context(contextlib.redirect_stderr(nowhere))
        yield


def from_first(value: Any) -> Any:
    """Returns, in every process, the `value` of the first."""
    if size() == 1:
        return value
    import torch

    box = [value]
    torch.distributed.broadcast_object_list(box)
    return box[0]


def each(items: Sequence[ItemT], work: Callable[[ItemT], ResultT]) -> list[ResultT]:
    """Returns work(item) for each of `items`, in their order, in every process; each process does its part.

    Each item has noise of its own, so that the results are the same however many processes there are. What
    `work` refuses with a VaelineError, all of them refuse.
    """
    import torch

    from vaeline.runtime.seeding import own_noise

    seed = int(torch.randint(2**62, ()))
    mine: dict[int, Any] = {}
    for i in range(rank(), len(items), size()):
        with own_noise(seed + i):
            try:
                mine[i] = work(items[i])
            except VaelineError as error:
                mine[i] = error
                break
    if size() > 1:
        parts: list[Any] = [None] * size()
        torch.distributed.all_gather_object(parts, mine)
        mine = {i: result for part in parts for i, result in part.items()}
    for result in mine.values():
        if isinstance(result, VaelineError):
            raise result
    return [mine[i] for i in range(len(items))]
