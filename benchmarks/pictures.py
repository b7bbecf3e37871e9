"""An image folder of MNIST's images, and what turns it into arrays."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vaeline.data.catalog import DATASETS
from vaeline.data.prepared import Prepared
from vaeline.data.storing import store

WORKERS = 2


def write_pngs(images: np.ndarray, labels: np.ndarray, folder: Path) -> None:
    """Writes images, uint8 [N, 1, H, W], as grey PNGs into a folder for each label."""
    from PIL import Image

    for label in np.unique(labels):
        (folder / str(label)).mkdir(parents=True)
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        Image.fromarray(image[0]).save(folder / str(label) / f"{number:05}.png")


def prepared_folder(folder: Path, workspace: Path, side: int = 28, mode: str = "grey") -> Prepared:
    """Does what the prepare stage does with `folder` in `workspace`: split, hash and store its images."""
    options = {"side": side, "mode": mode}
    section = {"name": "image_folder", "path": str(folder.resolve()), "image_folder": options}
    return store(DATASETS.build(section, raw=workspace / "data" / "raw"), workspace / "data" / "prepared")


def torchvision_batches(folder: Path) -> list[Tensor]:
    """Returns torchvision's batches of grey images, uint8 [B, 1, H, W], loaded by two workers."""
    from torchvision.datasets import ImageFolder
    from torchvision.transforms import Compose, Grayscale, PILToTensor

    dataset = ImageFolder(str(folder), Compose([Grayscale(), PILToTensor()]))
    return [images for images, _ in torch.utils.data.DataLoader(dataset, 128, num_workers=WORKERS)]


def same_images(prepared: Prepared, batches: list[Tensor]) -> bool:
    """Returns whether the splits together hold the images of the batches, in any order."""
    ours = [image for split in (prepared.train, prepared.valid, prepared.test) for image in split.values]
    theirs = torch.cat(batches).numpy()
    return sorted(image.tobytes() for image in ours) == sorted(image.tobytes() for image in theirs)
