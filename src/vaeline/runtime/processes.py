"""Several processes that share the work of a stage, on one host or on several.

Every process runs the same stage; the first is the leader, which writes and prints. `runtime.launching`
starts them, or any launcher that sets RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR and MASTER_PORT. Of one
process alone, which is the leader, nothing here takes any time.
"""

import contextlib
import ctypes
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any, TypeVar, cast

from vaeline.core.errors import VaelineError
from vaeline.runtime.stopping import SIGNALS

PR_SET_PDEATHSIG = 1  # prctl(2)
ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


def launched() -> bool:
    """Returns whether a launcher started this process as one of several."""
    return {"RANK", "WORLD_SIZE"} <= os.environ.keys()


def on_several_hosts() -> bool:
    """Returns whether the processes may be on several hosts: a launcher that does not say may use several."""
    return size() > 1 and os.environ.get("LOCAL_WORLD_SIZE") != os.environ["WORLD_SIZE"]


def local_rank() -> int:
    """Returns the number of this process among those of its host, from 0."""
    return int(os.environ.get("LOCAL_RANK", "0"))


def size() -> int:
    """Returns how many processes work together."""
    return int(os.environ["WORLD_SIZE"]) if launched() else 1


def rank() -> int:
    """Returns the number of this process, from 0."""
    return int(os.environ["RANK"]) if launched() else 0


def leads() -> bool:
    """Returns whether this process is the leader."""
    return rank() == 0


def end_with_parent(number: int) -> None:
    """Has the kernel send this process a signal once the one that started it has ended; on Linux alone."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)


@contextlib.contextmanager
def worker_pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Yields processes that end with this one; Ctrl-C and a hangup of the terminal are for this one alone."""
    pool = ProcessPoolExecutor(workers, initializer=_become_worker)
    try:
        with _signals_later():
            pool.submit(int)  # the first task begins them all
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


@contextlib.contextmanager
def _signals_later() -> Iterator[None]:
    """Holds back what stops this process and, until they have handlers of their own, those that it begins."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _become_worker() -> None:
    for number in (signal.SIGINT, signal.SIGHUP):  # a terminal sends them to all of its processes
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    end_with_parent(signal.SIGKILL)
    parent = multiprocessing.parent_process()
    if parent and parent.pid != os.getppid():  # it ended before the kernel was told
        os._exit(1)


def from_all(value: ItemT) -> list[ItemT]:
    """Returns every process's `value`, by its rank, in every process."""
    import torch

    values: list[Any] = [None] * size()
    torch.distributed.all_gather_object(values, value)
    return values


def from_first(value: Any) -> Any:
    """Returns the leader's `value`, in every process."""
    if size() == 1:
        return value
    import torch

    box = [value]
    torch.distributed.broadcast_object_list(box)
    return box[0]


def by_first(work: Callable[[], ResultT]) -> ResultT:
    """Returns work() of the leader, in every process, such as what lies on the leader's disk alone.

    What `work` refuses with a VaelineError, all of them refuse.
    """
    if leads():
        try:
            result = work()
        except VaelineError as error:
            from_first((None, str(error)))
            raise
        from_first((result, ""))
        return result
    given, refused = from_first(None)
    if refused:
        raise VaelineError(refused)
    return cast(ResultT, given)


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
        mine = {i: result for part in from_all(mine) for i, result in part.items()}
    for result in mine.values():
        if isinstance(result, VaelineError):
            raise result
    return [mine[i] for i in range(len(items))]
