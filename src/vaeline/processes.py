"""Several processes at one piece of work: `NPROC=2 dvc repro`, by way of torchrun.

Every process runs the same stage; the first leads, which is to write and to speak. Without NPROC there is
one process, it leads, and nothing here costs anything.
"""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from vaeline.errors import VaelineError

Item, Result = TypeVar("Item"), TypeVar("Result")


def wanted() -> int:
    """Returns NPROC, 1 where it is not set; raises VaelineError for what is no number of processes."""
    given = os.environ.get("NPROC", "1")
    if not given.isdecimal() or int(given) < 1:
        raise VaelineError(f"NPROC = '{given}' is not a number of processes: use 1 or more")
    return int(given)


def started() -> bool:
    """Returns whether torchrun started this process."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def size() -> int:
    """Returns how many processes work together."""
    return int(os.environ["WORLD_SIZE"]) if started() else 1


def rank() -> int:
    """Returns which of them this one is, from 0."""
    return int(os.environ["RANK"]) if started() else 0


def leads() -> bool:
    """Returns whether this process is the one that writes and speaks."""
    return rank() == 0


def start(module: str) -> None:
    """Becomes torchrun, with as many processes of `module` as are wanted."""
    torchrun = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={wanted()}", "-m", module]
    os.execv(sys.executable, [sys.executable, *torchrun])


@contextlib.contextmanager
def together() -> Iterator[None]:
    """Within the block the processes can reach each other, and all but the first are silent."""
    if size() == 1:
        yield
        return
    import torch

    if torch.cuda.is_available():
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


def each(items: Sequence[Item], work: Callable[[Item], Result]) -> list[Result]:
    """Returns work(item) for each of `items`, in their order, in every process; each process does its part.

    Each item has noise of its own, so that the results are the same however many processes there are.
    """
    import torch

    from vaeline.seeding import own_noise

    seed = int(torch.randint(2**62, ()))
    mine = {}
    for i in range(rank(), len(items), size()):
        with own_noise(seed + i):
            mine[i] = work(items[i])
    if size() > 1:
        parts: list[Any] = [None] * size()
        torch.distributed.all_gather_object(parts, mine)
        mine = {i: result for part in parts for i, result in part.items()}
    return [mine[i] for i in range(len(items))]
