"""Finding image files in folders, by their names alone."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from vaeline.core.errors import VaelineError

EXTENSIONS = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
UNLABELLED = "image"
"""The only class of a folder without class folders."""


class LabelledFiles(NamedTuple):
    """The image files of a training or test set: paths relative to the user's folder, and their classes."""

    files: list[str]
    classes: list[str]


def labelled_files(folder: Path, prefix: str) -> LabelledFiles:
    """Returns the images below `folder/prefix`, sorted by path.

    Raises:
        VaelineError: if there are none, or if only some of them are in class folders.
    """
    files = sorted(_images(str(folder / prefix), prefix, ()))
    if not files:
        raise VaelineError(
            f"{folder / prefix}: no images in it (files that end in {' '.join(EXTENSIONS)}): set "
            "data.image_folder.folder to the folder of your images"
        )
    places = [file.removeprefix(prefix).split("/") for file in files]
    flat = [len(place) == 1 for place in places]
    if any(flat) and not all(flat):
        stray = files[flat.index(True)]
        raise VaelineError(f"{folder}: {stray} is beside class folders: move it into one of them")
    classes = [UNLABELLED if alone else place[0] for alone, place in zip(flat, places, strict=True)]
    return LabelledFiles(files, classes)


def _images(folder: str, prefix: str, above: tuple[tuple[int, int], ...]) -> Iterator[str]:
    """Yields the paths of the images below `folder`, with `prefix`; follows no link to a folder above."""
    status = Path(folder).stat()
    identity = (status.st_dev, status.st_ino)
    if identity in above:
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                yield from _images(entry.path, f"{prefix}{entry.name}/", (*above, identity))
            elif entry.name.lower().endswith(EXTENSIONS):
                yield prefix + entry.name
