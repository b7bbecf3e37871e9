"""Turning an image folder into prepared arrays."""

import tempfile
from collections import deque
from dataclasses import replace
from pathlib import Path

from torch import Tensor

from benchmarks.harness import VAELINE, Contestant, Ratio, race
from benchmarks.memory import peak_memory
from benchmarks.pictures import prepared_folder, same_images, torchvision_batches, write_pngs
from vaeline.data.prepared import Prepared

PNG_IMAGES = 10_000
FEW, MANY = 2_000, 10_000
IMAGE_FOLDER = "torchvision's ImageFolder"


def prepare() -> list[Ratio]:
    """PNGs of MNIST's images to split, hashed arrays; torchvision's loader only reads them once."""
    train = Prepared.open().train
    ours: deque[Prepared] = deque(maxlen=1)
    theirs: deque[list[Tensor]] = deque(maxlen=1)
    with tempfile.TemporaryDirectory() as name:
        folder, workspace = Path(name) / "images", Path(name) / "workspace"
        write_pngs(train.values[:PNG_IMAGES], train.labels[:PNG_IMAGES], folder)
        contestants = {
            VAELINE: Contestant(lambda: ours.append(prepared_folder(folder, workspace)), PNG_IMAGES),
            IMAGE_FOLDER: Contestant(lambda: theirs.append(torchvision_batches(folder)), PNG_IMAGES),
        }
        times = race("prepare", contestants, rounds=5)
        same = same_images(ours[0], theirs[0])
    low, high = peak_memory("prepare", FEW), peak_memory("prepare", MANY)
    return [
        replace(times.ratio("prepare", IMAGE_FOLDER, 3.0, images=PNG_IMAGES), same=same),
        Ratio.of("prepare memory", f"N = {FEW:,} beside {MANY:,}", [low / high], 0.9, megabytes=high),
    ]
