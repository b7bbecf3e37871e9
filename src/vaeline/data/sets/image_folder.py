"""A folder of the user's own images."""

import hashlib
import os
from collections import Counter
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from pydantic import Field

from vaeline.core.errors import VaelineError
from vaeline.data.prepared import FEWEST
from vaeline.data.reading.dataset import Examples, OwnDataSet
from vaeline.data.reading.decoding import BrokenFiles, decode_files
from vaeline.data.reading.encoded import ImageFile
from vaeline.data.reading.image_files import folder_command, left_out_lines, printable
from vaeline.data.reading.layout import LabelledFiles, Layout, Role, layout
from vaeline.data.reading.own_path import PathSection, own_path
from vaeline.data.reading.pixels import PictureOptions
from vaeline.data.reading.remarks import dark_lines, split_lines, transparent_lines, unseen_lines

BROKEN_NAMED = 3


class _ImageSet(NamedTuple):
    """Decoded images, of one split or two, in order."""

    examples: Examples
    names: list[str]
    counts: Counter[Role]
    transparent: int
    brightest: int


class ImageFolderSection(PathSection, Protocol):
    """The options in `data:` that an image folder reads."""

    @property
    def image_folder(self) -> "ImageFolder.Options":
        """Options of `data.image_folder`."""


class ImageFolder(OwnDataSet):
    """The images below `data.path`, of any size and of every format that Pillow decodes.

    Its folders are classes, including whatever is deeper in them; without folders, all images are of one
    class. Folders called train, val and test, or similarly (see `layout`), are splits that hold the classes.
    Without a test folder, `test_share` of the training images is the test set, always the same ones; without
    a validation folder, a tenth of those that are left is used for validation. Images are ordered by path.

    Each image is rotated according to its EXIF data, laid on `background` where it is transparent, converted
    to grey or RGB, and its largest centred square is resized to `side`. Files that cannot be decoded are
    listed and left out.

    DVC hashes the folder: `prepare` runs again when its content has changed.
    """

    options: ImageFolderSection
    name = "image_folder"
    of_path = True

    class Options(PictureOptions):
        """Options of `data.image_folder`."""

        test_share: float = Field(0.1, gt=0, lt=1)
        max_broken: float = Field(0.01, ge=0, lt=1)

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the class folders, sorted."""
        return tuple(sorted({name for part in self._parts.values() for name in part.classes}))

    @property
    def held_out(self) -> int:
        """The images of the validation folder that could be decoded."""
        return self._training.counts.get("valid", 0)

    def training(self) -> Examples:
        """Returns the training images, followed by those of the validation folder; raises VaelineError."""
        return self._training.examples

    def test(self) -> Examples:
        """Returns the images of the test folder, or `test_share` of all; raises VaelineError."""
        return self._test.examples

    @property
    def background(self) -> str:
        """The colour that transparent pictures are laid on."""
        return self.options.image_folder.background

    def remarks(self) -> list[str]:
        """Returns how the folder was understood, what was left out, and what is suspicious."""
        options, sets = self.options.image_folder, (self._training, self._test)
        return [
            *split_lines(self._layout.splits, options.test_share),
            *left_out_lines(self._layout.left_out),
            *transparent_lines(sum(part.transparent for part in sets), options.background, self.name),
            *dark_lines(max(part.brightest for part in sets)),
            *unseen_lines(self._parts),
        ]

    def named(self, split: str, row: int) -> str:
        """Returns the path of an image in the folder."""
        return printable((self._test if split == "test" else self._training).names[row])

    @cached_property
    def _training(self) -> "_ImageSet":
        return self._decoded("train", "valid")

    @cached_property
    def _test(self) -> "_ImageSet":
        return self._decoded("test")

    @cached_property
    def _folder(self) -> Path:
        path = own_path(self.name, self.options)
        if path.is_dir():
            return path
        raise VaelineError(
            f"data.path = {str(path)!r}: there is no such folder: set it to the folder of your images, "
            f"`{folder_command('PATH')}`"
        )

    @cached_property
    def _layout(self) -> Layout:
        try:
            return layout(self._folder)
        except VaelineError as error:
            root = self.raw.parents[1]  # data/raw is in the root of the repository
            if self._folder.is_absolute() or root.resolve() == Path.cwd():
                raise
            raise VaelineError(
                f"{error}; this is a copy of the repository, without the files that git does not track: for "
                f"those, `{folder_command(root / self._folder)}`"
            ) from None

    @cached_property
    def _parts(self) -> dict[Role, LabelledFiles]:
        parts = dict(self._layout.parts)
        if "test" not in parts:
            parts |= self._with_share_as_test(parts["train"])
        return parts

    def _with_share_as_test(self, whole: LabelledFiles) -> dict[Role, LabelledFiles]:
        # By the hashes of the paths, so that a new file moves hardly any other file to the other set.
        order = sorted(
            range(len(whole.files)), key=lambda i: hashlib.sha256(os.fsencode(whole.files[i])).digest()
        )
        count = max(FEWEST["test"], round(self.options.image_folder.test_share * len(order)))
        chosen: dict[Role, list[int]] = {"train": sorted(order[count:]), "test": sorted(order[:count])}
        return {
            role: LabelledFiles([whole.files[i] for i in indices], [whole.classes[i] for i in indices])
            for role, indices in chosen.items()
        }

    def _decoded(self, *roles: Role) -> "_ImageSet":
        files = {file: role for role in roles if role in self._parts for file in self._parts[role].files}
        sources = {file: ImageFile(f"{self._folder}/{file}") for file in files}
        decoded = decode_files(sources, self.options.image_folder.form, self.raw)
        self._tolerate(decoded.broken, len(files))
        kept = [file for i, file in enumerate(files) if i not in decoded.broken]
        counts = Counter(files[file] for file in kept)
        for role in (role for role in roles if role in self._parts):
            if counts[role] < (fewest := self._fewest(role)):
                raise VaelineError(
                    f"{self._folder}: {counts[role]} images for {role}, at least {fewest} needed"
                )
        numbers = {name: number for number, name in enumerate(self.classes)}
        classes = {
            f: c for role in roles if role in self._parts for f, c in zip(*self._parts[role], strict=True)
        }
        labels = np.array([numbers[classes[file]] for file in kept], np.int64)
        return _ImageSet(
            Examples(decoded.images, labels), kept, counts, decoded.transparent, decoded.brightest
        )

    def _fewest(self, role: Role) -> int:
        """Returns how many images are needed; those of valid are taken from train, if it has no folder."""
        return FEWEST[role] + (FEWEST["valid"] if role == "train" and "valid" not in self._parts else 0)

    def _tolerate(self, broken: BrokenFiles, count: int) -> None:
        """Lists the broken files; raises VaelineError if there are too many."""
        allowed = self.options.image_folder.max_broken
        lines = [printable(line) for line in broken.values()]
        if len(lines) > allowed * count:
            more = f" and {len(lines) - BROKEN_NAMED} more" if len(lines) > BROKEN_NAMED else ""
            raise VaelineError(
                f"{self._folder}: {len(lines)} of {count} images are broken, more than "
                f"data.image_folder.max_broken = {allowed:g} allows: "
                f"{'; '.join(lines[:BROKEN_NAMED])}{more}: delete them, or raise data.image_folder.max_broken"
            )
        for line in lines:
            print(f"left out, broken: {line}")
