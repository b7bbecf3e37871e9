"""Random numbers for the rows of a batch, from one generator or from several with some rows each."""

import math
from collections.abc import Iterator, Sequence
from typing import Self

import torch
from torch import Tensor

LEAST = -(2**63)  # int64


class Draws:
    """Random numbers for batches of B rows, of which each generator draws for some consecutive ones.

    Each method returns a tensor [B, …] on the generators' device; the order of the calls counts.
    """

    def __init__(
        self, generators: Sequence[torch.Generator], rows: list[int], kept: slice = slice(None)
    ) -> None:
        """Draws from each of `generators`, at least one, for as many rows as `rows` says.

        The B rows of the batch are those that `kept` names, by default all.
        """
        self.device = generators[0].device
        self._generators, self._rows, self._kept, self._drawn = generators, rows, kept, sum(rows)

    @classmethod
    def of_seed(cls, seed: int, rows: int, device: torch.device | str = "cpu") -> Self:
        """Returns draws for that many rows from one generator."""
        return cls([torch.Generator(device).manual_seed(seed)], [rows])

    def uniform(self, shape: Sequence[int]) -> Tensor:
        """Returns float32 numbers in [0, 1)."""
        values = torch.empty((self._drawn, *shape[1:]), device=self.device)
        for part, generator in self._parts(values):
            part.uniform_(generator=generator)
        return values[self._kept]

    def integers(self, bound: int, shape: Sequence[int]) -> Tensor:
        """Returns int64 numbers in 0 … bound − 1, all equally likely."""
        values = torch.empty((self._drawn, *shape[1:]), dtype=torch.int64, device=self.device)
        for part, generator in self._parts(values):
            part.random_(bound, generator=generator)
        return values[self._kept]

    def words(self, shape: Sequence[int]) -> Tensor:
        """Returns int16 numbers, all 65,536 equally likely.

        Four are cut from one random number of 64 bits, at a fraction of the cost of floating-point ones.
        """
        event = math.prod(shape[1:])
        values = torch.empty(self._drawn, -(-event // 4), dtype=torch.int64, device=self.device)
        for part, generator in self._parts(values):
            part.random_(LEAST, None, generator=generator)  # all 64 bits: without bounds the sign bit is 0
        words = values[self._kept].view(torch.int16)
        return (words[:, :event] if event % 4 else words).reshape(shape)

    def noise(self, shape: Sequence[int], like: Tensor) -> Tensor:
        """Returns N(0, 1) numbers [K, B, …], for K draws of each row, with the dtype of `like`."""
        draws, _, *event = shape
        values = torch.empty(self._drawn, draws, *event, dtype=like.dtype, device=self.device)
        for part, generator in self._parts(values):
            part.normal_(generator=generator)
        return values[self._kept].transpose(0, 1).contiguous()

    def _parts(self, values: Tensor) -> Iterator[tuple[Tensor, torch.Generator]]:
        # As values.split(rows), which takes twice as long; for small batches all of this counts.
        return zip(torch.split_with_sizes(values, self._rows), self._generators, strict=True)
