"""Noise that remembers what was asked of it, and noise that was drawn beforehand."""

import torch
from torch import Tensor


class RecordedNoise:
    """Standard normal noise from a generator of its own; `drawn` has all of it, in the order asked for."""

    def __init__(self, seed: int = 0) -> None:
        self.generator = torch.Generator().manual_seed(seed)
        self.drawn: list[Tensor] = []

    def __call__(self, shape: torch.Size, like: Tensor) -> Tensor:
        self.drawn.append(torch.randn(shape, dtype=like.dtype, generator=self.generator))
        return self.drawn[-1]

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        return [tuple(noise.shape) for noise in self.drawn]


class PreparedNoise:
    """Hands out tensors in their order; `requests` counts how many were asked for."""

    def __init__(self, tensors: list[Tensor]) -> None:
        self.tensors, self.requests = tensors, 0

    def __call__(self, shape: torch.Size, like: Tensor) -> Tensor:
        self.requests += 1
        return self.tensors[self.requests - 1]
