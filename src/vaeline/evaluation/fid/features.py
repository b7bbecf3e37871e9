"""From images to features, in batches."""

import time
from collections.abc import Callable
from datetime import timedelta

import numpy as np
import torch
from torch import nn

from vaeline.core.progress import bar
from vaeline.data.arrays import ArraySource
from vaeline.runtime import processes

FEATURE_BATCH = 16  # larger batches do not fit into the processor's caches
GPU_BATCH = 256  # smaller ones leave a large GPU partly idle
PROBE = 8  # images that are timed to estimate the time for all


def extract_all(name: str, extractor: nn.Module, *halves: ArraySource) -> list[np.ndarray]:
    """Returns the features, float32 [N, D], of each half, and first prints an estimate of the time it takes.

    Args:
        name: the extractor's name in messages.
        extractor: a module from uint8 [B, C, H, W] to float32 [B, D], on its own device.
        halves: uint8 images [N, C, H, W].
    """
    total = sum(len(half) for half in halves)
    print(f"{name}: {total} images, {_time_estimate(extractor, halves[0], total)}", flush=True)
    with bar(total=total, desc=name, unit="image") as progress:
        return [extract_features(extractor, half, progress.update) for half in halves]


@torch.inference_mode()
def extract_features(
    extractor: nn.Module, images: ArraySource, done: Callable[[int], object] = lambda _: None
) -> np.ndarray:
    """Returns features, float32 [N, D], of uint8 images [N, C, H, W]; calls `done(size)` for each batch."""
    device = next(extractor.parameters()).device
    size = GPU_BATCH if device.type == "cuda" else FEATURE_BATCH
    extractor.eval()

    def of_batch(start: int) -> np.ndarray:
        batch = torch.tensor(images[start : start + size], device=device)
        features: np.ndarray = extractor(batch).cpu().numpy()
        done(len(batch) * processes.size())
        return features

    return np.concatenate(processes.each(range(0, len(images), size), of_batch))


def _time_estimate(extractor: nn.Module, images: ArraySource, total: int) -> str:
    probe = images[:PROBE]
    extract_features(extractor, probe)  # the first batch includes the time to set up
    start = time.perf_counter()
    extract_features(extractor, probe)
    seconds = (time.perf_counter() - start) / len(probe) / processes.size()
    return f"about {timedelta(seconds=round(total * seconds))} ({seconds:.2g} s each)"
