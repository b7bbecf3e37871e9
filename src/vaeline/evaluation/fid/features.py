"""From images to features: what every extractor is, and the loop over batches."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import torch
from torch import nn

from vaeline.core.progress import bar
from vaeline.runtime import processes

FEATURE_BATCH = 16  # a larger one leaves the caches
PROBE = 8  # images whose time foretells that of all


def extract_all(name: str, extractor: nn.Module, *halves: np.ndarray) -> list[np.ndarray]:
    """Returns the features, float32 [N, D], of each half of uint8 images [N, C, H, W].

    An extractor is a module from uint8 [B, C, H, W] to float32 [B, D] on its own device. How long it will
    take, measured on a small batch, is printed before it starts.
    """
    total = sum(len(half) for half in halves)
    print(f"{name}: {total} images, {_forecast(extractor, halves[0], total)}", flush=True)
    with bar(total=total, desc=name, unit="image") as progress:
        return [extract_features(extractor, half, progress.update) for half in halves]


@torch.inference_mode()
def extract_features(
    extractor: nn.Module, images: np.ndarray, done: Callable[[int], Any] = lambda _: None
) -> np.ndarray:
    """Returns the features, float32 [N, D], of uint8 images [N, C, H, W]; `done` hears each batch's size."""
    device = next(extractor.parameters()).device
    extractor.eval()

    def of_batch(start: int) -> np.ndarray:
        batch = torch.tensor(images[start : start + FEATURE_BATCH], device=device)
        found = extractor(batch).cpu().numpy()
        done(len(batch) * processes.size())
        return found

    return np.concatenate(processes.each(range(0, len(images), FEATURE_BATCH), of_batch))


def _forecast(extractor: nn.Module, images: np.ndarray, total: int) -> str:
    probe = images[:PROBE]
    extract_features(extractor, probe)  # the first batch pays for setting up
    start = time.perf_counter()
    extract_features(extractor, probe)
    seconds = (time.perf_counter() - start) / len(probe) / processes.size()
    return f"about {timedelta(seconds=round(total * seconds))} ({seconds:.2g} s each)"
