"""CelebA (Liu, Luo, Wang, Tang 2015): 202,599 aligned photographs of faces, with 40 attributes each."""

from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
from pydantic import Field

from vaeline.core.errors import VaelineError
from vaeline.core.params import BaseOptions
from vaeline.data.reading.addresses import GoogleDriveFiles
from vaeline.data.reading.dataset import DataSection, DataSet, Examples
from vaeline.data.reading.decoding import decode_files
from vaeline.data.reading.encoded import archive_members
from vaeline.data.reading.pixels import Form
from vaeline.data.reading.raw_files import obtain

IMAGES, ATTRIBUTES, PARTITION = "img_align_celeba.zip", "list_attr_celeba.txt", "list_eval_partition.txt"
CELEBA_FILES = GoogleDriveFiles(
    "CelebA",
    lambda celeba: {
        name: (file_id, md5)
        for file_id, md5, name in celeba.file_list
        if name in (IMAGES, ATTRIBUTES, PARTITION)
    },
    page="https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html",
)
TEST_PARTITION = "2"  # 0 is the training and 1 the validation set


class CelebASection(DataSection, Protocol):
    """The options in `data:` that CelebA reads."""

    @property
    def celeba(self) -> "CelebA.Options":
        """Options of `data.celeba`."""


class CelebA(DataSet):
    """Faces of 10,177 people; 182,637 training images (162,770 / 19,867 by default) and 19,962 test images.

    From each image of 178×218 the centred square of `crop` pixels is resized to `side`; 148 and 64 are
    common. The label is whether the face has `attribute`.

    With `data.split: tail`, train and valid are the published ones, which have no person in common; a random
    split, the default, does not keep the images of a person together.

    The three files are in data/raw/celeba, where torchvision puts them; the images stay packed.
    """

    options: CelebASection
    name = "celeba"
    train_size = 162_770
    valid_size = 19_867

    class Options(BaseOptions):
        """Options of `data.celeba`."""

        side: int = Field(64, ge=8, le=178)
        crop: int = Field(148, ge=8, le=178)
        attribute: str = "Smiling"

    @property
    def classes(self) -> tuple[str, ...]:
        """Faces without the attribute, and with it."""
        return f"not {self.options.celeba.attribute}", self.options.celeba.attribute

    def training(self) -> Examples:
        """Returns the published training set, followed by the validation set; raises VaelineError."""
        return self._examples([name for name, part in self._partition.items() if part != TEST_PARTITION])

    def test(self) -> Examples:
        """Returns the published test set; raises VaelineError."""
        return self._examples([name for name, part in self._partition.items() if part == TEST_PARTITION])

    @cached_property
    def _files(self) -> dict[str, Path]:
        return obtain(self.raw / "celeba", CELEBA_FILES.digests(), [CELEBA_FILES])

    @cached_property
    def _partition(self) -> dict[str, str]:
        lines = self._files[PARTITION].read_text().splitlines()
        return dict(line.split() for line in lines)

    @cached_property
    def _labels(self) -> dict[str, int]:
        """Whether each image has the attribute; raises VaelineError if there is no attribute of that name."""
        _, header, *lines = self._files[ATTRIBUTES].read_text().splitlines()
        names, attribute = header.split(), self.options.celeba.attribute
        if attribute not in names:
            raise VaelineError(
                f"data.celeba.attribute = {attribute!r} is not allowed: should be one of {', '.join(names)}"
            )
        column = names.index(attribute)
        return {name: int(values[column] == "1") for name, *values in map(str.split, lines)}

    def _examples(self, names: list[str]) -> Examples:
        labels, options = [self._labels[name] for name in names], self.options.celeba
        archive = self._files[IMAGES]
        packed = archive_members(archive)
        files = {name: packed[f"img_align_celeba/{name}"] for name in names}
        decoded = decode_files(files, Form(3, options.side, options.crop), self.raw)
        if decoded.broken:
            raise VaelineError(f"{archive}: {next(iter(decoded.broken.values()))}")
        return Examples(decoded.images, np.array(labels, np.int64))
