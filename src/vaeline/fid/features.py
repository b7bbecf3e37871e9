"""From images to features: what every extractor is, and the loop over batches."""

import time

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

BATCH = 32
PROBE = 8  # images whose time foretells that of all


def extract(name: str, extractor: nn.Module, *halves: np.ndarray) -> list[np.ndarray]:
    """Returns the features, float32 [N, D], of each half of uint8 images [N, C, H, W].

    An extractor is a module from uint8 [B, C, H, W] to float32 [B, D] on its own device. How long it will
    take, measured on a small batch, is printed before it starts.
    """
    total = sum(len(half) for half in halves)
    print(f"{name}: {total} images, {_forecast(extractor, halves[0], total)}", flush=True)
    with tqdm(total=total, desc=name, unit="image", mininterval=1) as bar:
        return [_features(extractor, half, bar) for half in halves]


@torch.inference_mode()
def _features(extractor: nn.Module, images: np.ndarray, bar: tqdm) -> np.ndarray:
    device = next(extractor.parameters()).device
    parts = []
    for start in range(0, len(images), BATCH):
        batch = torch.tensor(images[start : start + BATCH], device=device)
        parts.append(extractor.eval()(batch).float().cpu().numpy())
        bar.update(len(batch))
    return np.concatenate(parts)


def _forecast(extractor: nn.Module, images: np.ndarray, total: int) -> str:
    silent = tqdm(disable=True)
    _features(extractor, images[:PROBE], silent)  # the first batch pays for setting up
    start = time.perf_counter()
    _features(extractor, images[:PROBE], silent)
    seconds = (time.perf_counter() - start) / len(images[:PROBE])
    return f"about {total * seconds / 60:.1f} min ({seconds:.3f} s each)"
