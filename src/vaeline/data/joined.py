"""Tensors that are computed piece by piece: in memory if they are small, else in a file without a name."""

import math
import os
import tempfile
from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch import Tensor

IN_MEMORY = 1 << 26  # bytes
LARGE_FILES = "/var/tmp"  # on a disk, while the usual folder of temporary files is in memory on some systems


def joined(pieces: Iterable[Tensor], shape: Sequence[int], dtype: torch.dtype) -> Tensor:
    """Returns the pieces one after the other along the first axis, as `torch.cat` does.

    More than 64 MB lie in a file, whose pages the system drops from memory when that is short. The file is in
    `TMPDIR` or else in /var/tmp, and gone when the tensor is.

    Args:
        pieces: tensors on the CPU of type `dtype`.
        shape: of all of them together.
        dtype: of the result.
    """
    if math.prod(shape) * dtype.itemsize <= IN_MEMORY:
        return torch.cat(list(pieces))
    folder = os.environ.get("TMPDIR", LARGE_FILES)
    with tempfile.TemporaryFile(dir=folder) as file:
        try:
            # Written, not mapped: on a full disk a write raises an error, while a mapping kills the process.
            for piece in pieces:
                file.write(piece.contiguous().numpy().data)
            file.flush()
        except OSError as error:
            error.filename = error.filename or folder  # a failed write does not say where it wrote
            raise
        array: np.ndarray = np.memmap(
            file, torch.empty(0, dtype=dtype).numpy().dtype, "c", shape=tuple(shape)
        )
    return torch.from_numpy(array)
