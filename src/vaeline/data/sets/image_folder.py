"""A folder of the user's own images."""

import hashlib
import os
from functools import cached_property
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from pydantic import Field

from vaeline.core.errors import VaelineError
from vaeline.core.params import BaseOptions
from vaeline.data.prepared import FEWEST
from vaeline.data.reading.dataset import DataSection, DataSet, Examples
from vaeline.data.reading.decoding import BrokenFiles, decode_files
from vaeline.data.reading.encoded import ImageFile
from vaeline.data.reading.image_files import LabelledFiles, labelled_files

FEWEST_IMAGES = {"train": FEWEST["train"] + FEWEST["valid"], "test": FEWEST["test"]}
BROKEN_NAMED = 3


class ImageFolderSection(DataSection, Protocol):
    """The options in `data:` that an image folder reads."""

    @property
    def image_folder(self) -> "ImageFolder.Options":
        """Options of `data.image_folder`."""


class ImageFolder(DataSet):
    """The images below `data.image_folder.folder`, of any size; files with other extensions are ignored.

    Its folders are classes, including whatever is deeper in them; without folders, all images are of one
    class. If there are a `train` and a `test` folder, each is such a folder, and they are the two sets.
    Otherwise `test_share` of the images is the test set, always the same ones. Links are followed, hidden
    files are ignored, and images are ordered by path. A tenth of the training images is used for validation.

    Each image is rotated according to its EXIF data, its largest centred square is resized to `size`, and it
    is converted to grey or RGB (transparency is dropped). Files that cannot be decoded are listed and left
    out.

    DVC does not watch a folder outside the repository: after changing its content, run
    `dvc repro --force --single-item prepare`, and then `dvc repro`, which compares the arrays by content.
    """

    options: ImageFolderSection
    name = "image_folder"

    class Options(BaseOptions):
        """Options of `data.image_folder`; `folder` is relative to the root of the repository, or absolute."""

        folder: str = ""
        size: int = Field(64, ge=8, le=1024)
        mode: Literal["grey", "rgb"] = "rgb"
        test_share: float = Field(0.1, gt=0, lt=1)
        max_broken: float = Field(0.01, ge=0, lt=1)

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the class folders, sorted."""
        return tuple(sorted({name for part in self._parts.values() for name in part.classes}))

    @property
    def train_size(self) -> int:
        """All training images that are not used for validation."""
        return len(self.training().images) - self.valid_size

    @property
    def valid_size(self) -> int:
        """A tenth of the training images, at least 3."""
        return max(FEWEST["valid"], len(self.training().images) // 10)

    def training(self) -> Examples:
        """Returns the images in `train`, or those that are not in the test set; raises VaelineError."""
        return self._training

    def test(self) -> Examples:
        """Returns the images in `test`, or `test_share` of all; raises VaelineError."""
        return self._test

    @cached_property
    def _training(self) -> Examples:
        return self._examples("train")

    @cached_property
    def _test(self) -> Examples:
        return self._examples("test")

    @cached_property
    def _folder(self) -> Path:
        path = self.options.image_folder.folder
        if not path:
            raise VaelineError(
                "data.image_folder.folder is empty: set it to the folder of your images, "
                "`dvc exp run -S data.name=image_folder -S data.image_folder.folder=PATH`"
            )
        folder = self.raw.parents[1] / Path(path).expanduser()  # data/raw is in the root of the repository
        if not folder.is_dir():
            raise VaelineError(
                f"data.image_folder.folder = {path!r}: no folder {folder}: set it to an existing folder, "
                "`dvc exp run -S data.name=image_folder -S data.image_folder.folder=PATH`"
            )
        return folder

    @cached_property
    def _parts(self) -> dict[str, LabelledFiles]:
        if all((self._folder / name).is_dir() for name in FEWEST_IMAGES):
            return {name: labelled_files(self._folder, f"{name}/") for name in FEWEST_IMAGES}
        whole = labelled_files(self._folder, "")
        # By the hashes of the paths, so that a new file moves hardly any other file to the other set.
        order = sorted(
            range(len(whole.files)), key=lambda i: hashlib.sha256(os.fsencode(whole.files[i])).digest()
        )
        count = max(FEWEST_IMAGES["test"], round(self.options.image_folder.test_share * len(order)))
        chosen = {"train": sorted(order[count:]), "test": sorted(order[:count])}
        return {
            name: LabelledFiles([whole.files[i] for i in indices], [whole.classes[i] for i in indices])
            for name, indices in chosen.items()
        }

    def _examples(self, name: str) -> Examples:
        part, options = self._parts[name], self.options.image_folder
        channels = 1 if options.mode == "grey" else 3
        shape = (channels, options.size, options.size)
        files = {file: ImageFile(f"{self._folder}/{file}") for file in part.files}
        images, broken = decode_files(files, shape, self.raw)
        self._tolerate(broken, len(part.files))
        if len(images) < FEWEST_IMAGES[name]:
            raise VaelineError(
                f"{self._folder}: {len(images)} images for {name}, at least {FEWEST_IMAGES[name]} needed"
            )
        numbers = {label: number for number, label in enumerate(self.classes)}
        labels = np.array([numbers[label] for label in part.classes], np.int64)
        return Examples(images, np.delete(labels, sorted(broken)))

    def _tolerate(self, broken: BrokenFiles, count: int) -> None:
        """Lists the broken files; raises VaelineError if there are too many."""
        allowed = self.options.image_folder.max_broken
        lines = list(broken.values())
        if len(lines) > allowed * count:
            more = f" and {len(lines) - BROKEN_NAMED} more" if len(lines) > BROKEN_NAMED else ""
            raise VaelineError(
                f"{self._folder}: {len(lines)} of {count} images are broken, more than "
                f"data.image_folder.max_broken = {allowed:g} allows: "
                f"{'; '.join(lines[:BROKEN_NAMED])}{more}: delete them, or raise data.image_folder.max_broken"
            )
        for line in lines:
            print(f"left out, broken: {line}")
