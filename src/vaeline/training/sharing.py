"""A minibatch that several processes share: which of its rows are whose, and means over all of it."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import torch
from torch import Tensor

from vaeline.core.errors import VaelineError
from vaeline.models.contracts import Model
from vaeline.models.running import running_statistics
from vaeline.runtime import processes
from vaeline.training.objectives.objective import Objective

PARTS = 8
"""Every minibatch is cut into so many parts, each with noise of its own, whoever computes them."""


def first_row(part: int, total: int) -> int:
    """Returns at which row of a minibatch of `total` a part begins; part PARTS is the end."""
    return part * total // PARTS


@dataclass(frozen=True)
class Share:
    """The consecutive rows of a minibatch that one process computes.

    Attributes:
        parts: the numbers of the parts that these rows are of, for which it draws noise.
        total: rows of the whole minibatch.
        weight: what the mean over this share counts in the mean over the minibatch.
        piece: which of how many pieces of those parts the rows are, (0, 1) for all; more processes than
            PARTS divide the rows of a part among themselves.
    """

    parts: range
    total: int
    weight: float = 1.0
    piece: tuple[int, int] = (0, 1)

    @classmethod
    def whole(cls, total: int) -> Self:
        """Returns a whole minibatch of `total` rows."""
        return cls(range(PARTS), total)

    @classmethod
    def of_process(cls, total: int, rank: int, size: int) -> Self:
        """Returns the share of process `rank` of `size`: as even as the parts allow.

        Where a process would be left without a row, each of them computes the whole minibatch.
        """
        shares = [cls._of_rows(total, process, size) for process in range(size)]
        if not all(share.count for share in shares):
            return cls(range(PARTS), total, 1 / size)
        return shares[rank]

    @classmethod
    def _of_rows(cls, total: int, rank: int, size: int) -> Self:
        first, stop = rank * PARTS // size, (rank + 1) * PARTS // size
        piece = (0, 1)
        if size > PARTS:
            stop = first + 1
            of_part = [process for process in range(size) if process * PARTS // size == first]
            piece = (rank - of_part[0], len(of_part))
        share = cls(range(first, stop), total, piece=piece)
        return replace(share, weight=share.count / total)

    @classmethod
    def mine(cls, total: int) -> Self:
        """Returns the share of this process."""
        return cls.of_process(total, processes.rank(), processes.size())

    @property
    def count(self) -> int:
        """How many rows it has."""
        return self.kept.stop - self.kept.start

    @cached_property
    def rows(self) -> slice:
        """The rows of the minibatch that it has."""
        start = first_row(self.parts.start, self.total)
        return slice(start + self.kept.start, start + self.kept.stop)

    @cached_property
    def part_rows(self) -> list[int]:
        """How many rows each of its parts has."""
        return [first_row(part + 1, self.total) - first_row(part, self.total) for part in self.parts]

    @cached_property
    def kept(self) -> slice:
        """The rows that it has, among those of its parts."""
        drawn, (number, pieces) = sum(self.part_rows), self.piece
        return slice(number * drawn // pieces, (number + 1) * drawn // pieces)


def reject_whole_batch(model: Model, objective: Objective, name: str, size: int) -> None:
    """Raises VaelineError where the loss is no mean over examples: its parts would not add up.

    Args:
        model: the model to train.
        objective: what it minimises.
        name: of the objective, in params.yaml.
        size: how many processes train it together.
    """
    if size == 1:
        return
    if not objective.per_example:
        raise VaelineError(
            f"{size} processes: objective.name = '{name}' compares the examples of a whole batch: train it "
            "in one process"
        )
    if running_statistics(model) or running_statistics(objective):
        raise VaelineError(
            f"{size} processes: BatchNorm's statistics are of a whole batch, as are an optimal variance and "
            "a codebook: train in one process, or with network.batch_norm: false, and without "
            "likelihood.gaussian.variance: optimal and model.name: vq"
        )


def batch_mean(values: Tensor) -> Tensor:
    """Returns the mean of `values` [B, …] over the minibatch, also where several processes share it.

    It has a gradient to the rows of this process.
    """
    mean = values.mean(0)
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return mean
    with torch.no_grad():
        summed = torch.cat([values.sum(0).flatten(), values.new_tensor([len(values)])])
        torch.distributed.all_reduce(summed)
        whole = (summed[:-1] / summed[-1]).reshape(mean.shape)
    return mean + (whole - mean.detach())
