"""How processes that share a stage meet, and how they part if one of them is lost."""

import contextlib
import os
import re
import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from vaeline.core.errors import VaelineError, first_line
from vaeline.runtime.agreement import host_facts, reject_differences
from vaeline.runtime.connections import notice_loss_of_all
from vaeline.runtime.hosts import reject_unknown_address, use_interface_to
from vaeline.runtime.processes import (
    end_with_parent,
    from_all,
    leads,
    local_rank,
    on_several_hosts,
    rank,
    size,
)

JOIN_WITHIN = 300  # seconds in which all processes of a stage must have started


class LostError(VaelineError):
    """Another of the processes has ended, or is no longer reached."""


@contextlib.contextmanager
def together(device: str) -> Iterator[None]:
    """Connects the processes within the block, in which all but the leader print nothing.

    Raises:
        LostError: where another process or its host has ended, or is no longer reached.
        VaelineError: for hosts that do not find each other, or have other code or data.
    """
    if size() == 1:
        yield
        return
    import torch

    from vaeline.runtime import devices

    end_with_parent(signal.SIGKILL)  # another process may wait for this one for ever
    if devices.device(device).type == "cuda":  # of which some launchers show each process its own alone
        torch.cuda.set_device(local_rank() % torch.cuda.device_count())
    with contextlib.ExitStack() as stack:
        stack.enter_context(_losses_in_one_line())
        _connect()
        stack.callback(torch.distributed.destroy_process_group)
        if on_several_hosts():
            notice_loss_of_all()
            reject_differences(from_all(host_facts(f"process {rank()}", with_data=True)))
        if not leads():
            nowhere = stack.enter_context(Path(os.devnull).open("w"))
            stack.enter_context(contextlib.redirect_stdout(nowhere))
            stack.enter_context(contextlib.redirect_stderr(nowhere))
        yield


def _connect() -> None:
    import torch
    from torch.distributed.rendezvous import rendezvous

    if on_several_hosts():
        address = os.environ.get("MASTER_ADDR", "")
        reject_unknown_address("MASTER_ADDR", address, here=leads())
        use_interface_to(address)
    try:
        store, number, count = next(rendezvous("env://", timeout=timedelta(seconds=JOIN_WITHIN)))
        # gloo between CPUs, nccl between GPUs
        torch.distributed.init_process_group(store=store, rank=number, world_size=count)
    except (torch.distributed.DistError, ValueError) as error:
        where = f"{os.environ.get('MASTER_ADDR')}:{os.environ.get('MASTER_PORT')}"
        reason = first_line(error)
        raise VaelineError(
            f"the {size()} processes do not meet at {where} within {JOIN_WITHIN} s ({reason}): start all of "
            "them with the MASTER_ADDR and MASTER_PORT of the first"
        ) from None


@contextlib.contextmanager
def _losses_in_one_line() -> Iterator[None]:
    from torch.distributed import DistError

    try:
        yield
    except RuntimeError as error:
        text = str(error)
        if not isinstance(error, DistError) and "gloo" not in text:
            raise
        peer = re.search(r"\[([0-9a-f.:]+)\]:\d+", text)
        where, everywhere = (
            (f" at {peer[1]}" if peer else "", " on every host") if on_several_hosts() else ("", "")
        )
        raise LostError(
            f"another process{where} has ended or is not reached: the same command{everywhere} resumes it"
        ) from None
