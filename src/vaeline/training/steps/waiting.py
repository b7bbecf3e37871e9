"""A host that does not wait for its GPU: numbers that are on their way, and a watch over what waits."""

import contextlib
import warnings
from collections.abc import Iterator

import torch
from torch import Tensor

WAIT = "called a synchronizing CUDA operation"  # PyTorch's warning of it


class HostCopy:
    """A copy of a tensor on the CPU, on its way until `values` asks for it."""

    def __init__(self, tensor: Tensor) -> None:
        self._copy = tensor
        self._arrived: torch.cuda.Event | None = None
        if tensor.is_cuda:
            self._copy = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
            self._copy.copy_(tensor, non_blocking=True)
            self._arrived = torch.cuda.Event()
            self._arrived.record()

    def __len__(self) -> int:
        return len(self._copy)

    def values(self) -> Tensor:
        """Returns the copy, once it has arrived."""
        if self._arrived:
            self._arrived.synchronize()
        return self._copy


@contextlib.contextmanager
def host_waits(device: torch.device) -> Iterator[list[str]]:
    """Yields a list that has, after the block, where the host waited for a CUDA `device` in it."""
    waits: list[str] = []
    if device.type != "cuda":
        yield waits
        return
    before = torch.cuda.get_sync_debug_mode()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            yield waits
        finally:
            torch.cuda.set_sync_debug_mode(before)
            waits += [f"{c.filename}:{c.lineno}" for c in caught if WAIT in str(c.message)]
