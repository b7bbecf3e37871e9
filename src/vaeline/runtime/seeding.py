"""Seeds: one for all random generators, and a way to draw without changing their state."""

import contextlib
import os
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch


def set_seed(seed: int) -> None:
    """Seeds Python, NumPy and torch (every device), and allows torch only deterministic algorithms."""
    # cuBLAS is deterministic only with a fixed workspace, chosen before CUDA starts.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)
    # As torch.use_deterministic_algorithms(True), which would first import a compiler for a second or more.
    torch.set_deterministic_debug_mode("error")
    # What torch.empty returns is overwritten before it is read; filling it with NaN first costs a pass.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # set by its class
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.allow_tf32 = False  # float32 is float32 in convolutions too


@contextlib.contextmanager
def own_noise(seed: int) -> Iterator[None]:
    """Seeds torch within the block, and restores its global generators after it."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


def rng_state() -> dict[str, Any]:
    """Returns the state of torch's global generators, in types that `torch.load(weights_only=True)` reads.

    Python's and NumPy's are not part of it: a training draws nothing from them, but libraries in the same
    process do (an HTTP client waits a random time before it tries again).
    """
    return {
        "torch": torch.get_rng_state(),
        # Of the device that this process uses: each of several processes has its own.
        "cuda": torch.cuda.get_rng_state() if torch.cuda.is_available() else None,
    }


def set_rng_state(state: dict[str, Any]) -> None:
    """Restores torch's global generators to a state from `rng_state`."""
    torch.set_rng_state(state["torch"])
    if state["cuda"] is not None:
        torch.cuda.set_rng_state(state["cuda"])
