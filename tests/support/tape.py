"""A tape records operations, and does them again in the same memory, as a CUDA graph does."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class Tape(TorchDispatchMode):
    """Records operations: a tensor as its memory, and a number of Python's as it was."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[Callable[..., Any], Any, Any, Any]] = []
        self.replays = -1

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        assert func is not torch.ops.aten._local_scalar_dense.default, "the host reads a number"
        result = func(*args, **(kwargs or {}))
        self.calls.append((func, args, kwargs or {}, result))
        return result

    def replay(self) -> None:
        """Does it all again; the first call does not, since recording, unlike capturing, has done it."""
        self.replays += 1
        if self.replays == 0:
            return
        with torch._C._AutoDispatchBelowAutograd():  # what has no gradients, as a graph's kernels
            for func, args, kwargs, result in self.calls:
                for old, new in zip(tree_leaves(result), tree_leaves(func(*args, **kwargs)), strict=True):
                    if isinstance(old, Tensor) and old.data_ptr() != new.data_ptr():
                        old.copy_(new)


def on_tape(work: Callable[[], None], _generators: Iterable[torch.Generator]) -> Callable[[], None]:
    """Stands in for `captured.cuda_graph` on a CPU."""
    with Tape() as tape:
        work()
    return tape.replay
