"""Work: an image folder into prepared arrays."""

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.harness import VAELINE, Contestant, Ratio, race
from benchmarks.memory import peak
from benchmarks.pictures import loaded, same, stored, write_pngs
from vaeline.data.prepared import Prepared

PNG_IMAGES = 10_000
FEW, MANY = 2_000, 10_000
PEER = "torchvision's ImageFolder"


def prepare() -> list[Ratio]:
    """MNIST's images from PNGs to split, hashed arrays; torchvision's loader only reads them once."""
    train = Prepared.open().train
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder, workspace = Path(name) / "images", Path(name) / "workspace"
        write_pngs(train.images[:PNG_IMAGES], train.labels[:PNG_IMAGES], folder)
        contestants = {
            VAELINE: Contestant(lambda: found.update(ours=stored(folder, workspace)), PNG_IMAGES),
            PEER: Contestant(lambda: found.update(theirs=loaded(folder)), PNG_IMAGES),
        }
        times = race("prepare", contestants, rounds=5)
        equal = same(found["ours"], found["theirs"])
    low, high = peak("prepare", FEW), peak("prepare", MANY)
    return [
        replace(times.row("prepare", PEER, 3.0, images=PNG_IMAGES), same=equal),
        Ratio.of("prepare memory", f"N = {FEW:,} beside {MANY:,}", [low / high], 0.9, megabytes=high),
    ]
