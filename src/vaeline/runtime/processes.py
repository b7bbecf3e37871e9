"""Several processes that share the work of a stage: `NPROC=2 dvc repro`, through torchrun.

Every process runs the same stage; the first is the leader, which writes and prints. Without NPROC there is
one process, the leader, and nothing here takes any time.
"""

import contextlib
import ctypes
import logging
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from vaeline.core.errors import VaelineError

PR_SET_PDEATHSIG = 1  # prctl(2)
ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


def wanted() -> int:
    """Returns NPROC, or 1 if it is not set; raises VaelineError if it is not a number of processes."""
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
    """Returns the number of this process, from 0."""
    return int(os.environ["RANK"]) if launched() else 0


def leads() -> bool:
    """Returns whether this process is the leader."""
    return rank() == 0


def start(module: str, device: str) -> NoReturn:
    """Runs NPROC processes of `module` under torchrun, and exits with their status.

    Raises:
        VaelineError: for more processes than GPUs.
    """
    import torch
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.run import parse_args, run

    if device != "cpu" and 0 < torch.cuda.device_count() < wanted():
        raise VaelineError(
            f"NPROC = {wanted()}, but there are {torch.cuda.device_count()} GPUs: use fewer, or device: cpu"
        )
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, torch.get_num_threads() // wanted())))
    logging.disable(logging.CRITICAL)  # torchrun's loggers have levels of their own
    try:
        run(parse_args(["--standalone", f"--nproc-per-node={wanted()}", "-m", module]))
    except ChildFailedError:  # the leader has printed why
        sys.exit(1)
    except SignalException as error:  # which it has passed on to them
        sys.exit(128 + error.sigval)
    sys.exit(0)


def end_with_parent(number: int) -> None:
    """Has the kernel send this process a signal once the one that started it has ended; on Linux alone."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)


@contextlib.contextmanager
def worker_pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Yields processes that end with this one, and print nothing on Ctrl-C, which is for this one alone."""
    pool = ProcessPoolExecutor(workers, initializer=_become_worker)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _become_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    end_with_parent(signal.SIGKILL)
    parent = multiprocessing.parent_process()
    if parent and parent.pid != os.getppid():  # it ended before the kernel was told
        os._exit(1)


@contextlib.contextmanager
def together(device: str) -> Iterator[None]:
    """Connects the processes within the block, in which all but the leader print nothing."""
    if size() == 1:
        yield
        return
    import torch

    from vaeline.runtime import devices

    end_with_parent(signal.SIGKILL)  # another process may wait for this one for ever
    if devices.device(device).type == "cuda":
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
    """Returns the leader's `value`, in every process."""
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
