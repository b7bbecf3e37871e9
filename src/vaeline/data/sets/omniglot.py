"""OMNIGLOT (Lake, Salakhutdinov, Tenenbaum 2015): handwritten characters of 50 alphabets."""

from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
from pydantic import Field

from vaeline.core.errors import VaelineError
from vaeline.core.params import BaseOptions
from vaeline.data.reading.addresses import WebFiles
from vaeline.data.reading.dataset import DataSection, DataSet, Examples
from vaeline.data.reading.decoding import decode_files
from vaeline.data.reading.encoded import ArchiveMember, archive_members
from vaeline.data.reading.pixels import Form
from vaeline.data.reading.raw_files import obtain

OMNIGLOT_FILES = WebFiles(
    "Omniglot",
    lambda omniglot: {
        f"{part}.zip": (f"{omniglot.download_url_prefix}/{part}.zip", md5)
        for part, md5 in omniglot.zips_md5.items()
    },
)


class OmniglotSection(DataSection, Protocol):
    """The options in `data:` that OMNIGLOT reads."""

    @property
    def omniglot(self) -> "Omniglot.Options":
        """Options of `data.omniglot`."""


class Omniglot(DataSet):
    """Drawings of 1,623 characters by 20 people each, white on black; the label is the alphabet.

    The 19,280 drawings of the published `background` set (30 alphabets; 17,352 / 1,928 by default) are the
    training set and the 13,180 of the `evaluation` set (20 other alphabets) the test set. Each drawing of
    105×105 is resized to `side` and inverted.

    Results in the VAE literature are for another version: 24,345 / 8,070 drawings of all 50 alphabets at
    random, 28×28, made by Burda et al. (2016). Bounds are not comparable with those: here the test set has
    alphabets that the training set lacks, and resizing thins the strokes in another way.

    The two archives are in data/raw/omniglot-py, where torchvision puts them, and stay packed.
    """

    options: OmniglotSection
    name = "omniglot"
    train_size = 17_352
    valid_size = 1_928

    class Options(BaseOptions):
        """Options of `data.omniglot`."""

        side: int = Field(28, ge=8, le=105)

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """Names of the alphabets, sorted."""
        return tuple(sorted({alphabet(file) for part in self._files for file in self._drawings(part)}))

    def training(self) -> Examples:
        """Returns the background set, sorted by alphabet and character."""
        return self._examples("images_background.zip")

    def test(self) -> Examples:
        """Returns the evaluation set, sorted by alphabet and character."""
        return self._examples("images_evaluation.zip")

    @cached_property
    def _files(self) -> dict[str, Path]:
        return obtain(self.raw / "omniglot-py", OMNIGLOT_FILES.digests(), [OMNIGLOT_FILES])

    def _drawings(self, part: str) -> dict[str, ArchiveMember]:
        folder = Path(part).stem
        return {
            name: member
            for name, member in archive_members(self._files[part]).items()
            if name.startswith(f"{folder}/") and name.endswith(".png")
        }

    def _examples(self, part: str) -> Examples:
        files, side = self._drawings(part), self.options.omniglot.side
        decoded = decode_files(files, Form(1, side), self.raw)
        if decoded.broken:
            raise VaelineError(f"{self._files[part]}: {next(iter(decoded.broken.values()))}")
        numbers = {name: number for number, name in enumerate(self.classes)}
        labels = np.array([numbers[alphabet(name)] for name in files], np.int64)
        return Examples(255 - decoded.images[:], labels)


def alphabet(name: str) -> str:
    """Returns the alphabet of a drawing: `Greek` for images_background/Greek/character01/0394_01.png."""
    return name.split("/")[1]
