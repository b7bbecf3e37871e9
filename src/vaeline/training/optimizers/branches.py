"""Small independent computations side by side on a GPU."""

from collections.abc import Callable, Iterable
from typing import TypeVar

import torch

MOST = 8  # streams; each has a workspace of cuBLAS
BranchT = TypeVar("BranchT")


class Branches:
    """Runs functions on CUDA streams of their own, between two points of the current stream.

    A product of small matrices keeps a few of a GPU's multiprocessors busy, for as long as a large one takes.
    In a CUDA graph they become branches. On a CPU the functions run one after the other.
    """

    def __init__(self, device: torch.device) -> None:
        self._streams = [torch.cuda.Stream(device) for _ in range(MOST)] if device.type == "cuda" else []

    def __call__(self, functions: Iterable[Callable[[], BranchT]]) -> list[BranchT]:
        """Returns what each function returns."""
        if not self._streams:
            return [function() for function in functions]
        current, results = torch.cuda.current_stream(), []
        for stream in self._streams:
            stream.wait_stream(current)
        for number, function in enumerate(functions):
            with torch.cuda.stream(self._streams[number % MOST]):
                results.append(function())
        for stream in self._streams:
            current.wait_stream(stream)
        return results
