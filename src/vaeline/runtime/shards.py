"""A minibatch that several processes share, with the noise that it has in one."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from vaeline.runtime import processes


@dataclass(frozen=True)
class Shard:
    """Examples `start` to `stop` of a minibatch of `total`; `weight` is what they count in its mean."""

    start: int
    stop: int
    total: int
    weight: float

    @classmethod
    def mine(cls, total: int) -> Self:
        """Returns this process's part, as even as can be; where there are fewer than processes, all of it."""
        rank, size = processes.rank(), processes.size()
        if total < size:
            return cls(0, total, total, 1 / size)
        start, stop = rank * total // size, (rank + 1) * total // size
        return cls(start, stop, total, (stop - start) / total)


_shard: Shard | None = None


@contextlib.contextmanager
def sharing(shard: Shard) -> Iterator[None]:
    """Within the block, batches are that shard."""
    global _shard
    _shard = shard
    try:
        yield
    finally:
        _shard = None


def standard_normal(shape: torch.Size, like: Tensor) -> Tensor:
    """Returns N(0, 1) noise of `shape`, which of a shard is [K, B, …]: its rows of the whole batch's noise.

    So each process draws for all examples, and an example's noise is the same in any of them.
    """
    if _shard is None:
        return torch.randn(shape, dtype=like.dtype, device=like.device)
    whole = torch.randn((shape[0], _shard.total, *shape[2:]), dtype=like.dtype, device=like.device)
    return whole[:, _shard.start : _shard.stop]


def batch_mean(values: Tensor) -> Tensor:
    """Returns the mean of `values` [B, …] over all of the minibatch, with a gradient to this part of it."""
    mean = values.mean(0)
    if _shard is None:
        return mean
    whole = mean.detach() * _shard.weight
    torch.distributed.all_reduce(whole)
    return mean + (whole - mean.detach())
