"""The random numbers of a training: a function of its seed, the step, and the part of the minibatch.

So however many processes share a minibatch, its noise is the same bit for bit, each draws for its own parts
alone, and a training that is resumed needs no state of a generator.
"""

import functools

import numpy as np
import torch
from torch import Tensor

from vaeline.data.draws import Draws
from vaeline.training.sharing import PARTS, Share

STREAMS = 2 * PARTS  # random streams of a step: its parts, and ORDER
ORDER = PARTS  # the stream of the order of images, at an epoch's first step
BLOCK = 1024  # steps whose seeds are computed at once


class TrainingNoise:
    """The random numbers of every step of the training with that `seed`, drawn on `device`."""

    def __init__(self, seed: int, device: torch.device) -> None:
        self.seed = seed
        self.generators = [torch.Generator(device) for _ in range(STREAMS)]

    def draws(self, step: int, share: Share) -> Draws:
        """Returns the random numbers for the rows of `share` at `step`; draw them before the next step's."""
        return Draws(self.seeded(step, share), share.part_rows, share.kept)

    def seeded(self, step: int, share: Share) -> list[torch.Generator]:
        """Returns the generators of those numbers, one for each part, which are at their beginning."""
        seeds = step_seeds(self.seed, step)
        return [self.generators[part].manual_seed(seeds[part]) for part in share.parts]

    def order(self, step: int, count: int) -> Tensor:
        """Returns a random order of 0 … `count` − 1, for the epoch that begins at `step`."""
        generator = self.generators[ORDER].manual_seed(step_seeds(self.seed, step)[ORDER])
        return torch.randperm(count, generator=generator, device=generator.device)


def step_seeds(seed: int, step: int) -> list[int]:
    """Returns a seed for each stream of a step, of 64 bits.

    A CPU's generator takes the lower 32 bits alone. In these a training meets no seed twice: they are a
    permutation of the numbers of its streams, another one for each `seed`.
    """
    block, position = divmod(step, BLOCK)
    return _block_seeds(seed, block)[position]


@functools.lru_cache(maxsize=4)
def _block_seeds(seed: int, block: int) -> list[list[int]]:
    low, high = (int(key) for key in np.random.SeedSequence(seed).generate_state(2))
    streams = np.arange(BLOCK * STREAMS, dtype=np.uint64) + np.uint64(block * BLOCK * STREAMS)
    mixed = _permuted(_permuted(streams.astype(np.uint32) ^ np.uint32(low)) ^ np.uint32(high))
    # Beyond 2³² streams the lower bits repeat, and a GPU's generator still takes another seed.
    upper = _permuted((streams >> np.uint64(32)).astype(np.uint32) ^ np.uint32(high)).astype(np.uint64)
    return ((upper << np.uint64(32)) | mixed).reshape(BLOCK, STREAMS).tolist()


def _permuted(x: np.ndarray) -> np.ndarray:
    """Returns uint32 numbers, each replaced by another in a fixed permutation without visible order.

    The multipliers and shifts are those of lowbias32 (Wellons 2018, "Prospecting for hash functions").
    """
    x = (x ^ (x >> np.uint32(16))) * np.uint32(0x7FEB352D)
    x = (x ^ (x >> np.uint32(15))) * np.uint32(0x846CA68B)
    return x ^ (x >> np.uint32(16))
