"""A data set of Hugging Face's hub, or of the user's own in one of its forms."""

from functools import cached_property
from typing import Protocol

import numpy as np
from pydantic import Field

from vaeline.core.errors import VaelineError
from vaeline.core.scaling import AnyScaling
from vaeline.data.arrays import ArraySource
from vaeline.data.reading.array_images import ArrayImages, ArrayOptions
from vaeline.data.reading.dataset import Examples, OwnDataSet
from vaeline.data.reading.decoding import DecodedFiles
from vaeline.data.reading.hub_sets import OpenedSet, hub_set, local_set
from vaeline.data.reading.layout import Role
from vaeline.data.reading.own_path import PathSection, own_path
from vaeline.data.reading.pixels import PictureOptions
from vaeline.data.reading.remarks import dark_lines, split_lines, transparent_lines
from vaeline.data.reading.set_columns import class_labels, decoded_pictures, mapped_arrays
from vaeline.data.reading.set_splits import DEFAULT_LABEL, SetSplit, chosen_splits
from vaeline.data.reading.shares import rows_of, share_as_test


class HuggingFaceSection(PathSection, Protocol):
    """The options in `data:` that a set of Hugging Face's reads."""

    @property
    def huggingface(self) -> "HuggingFace.Options":
        """Options of `data.huggingface`."""


class HuggingFace(OwnDataSet):
    """A column of images in a data set that Hugging Face's `datasets` reads, streamed row by row.

    The set is the hub's, if `name` names one, at one commit that `remarks` give. Without a name it is the
    folder `data.path`: one that `save_to_disk` has written, or one of files that `load_dataset` reads.

    A column of pictures becomes squares, as in an image folder; one of arrays is read as `axes`, `range` and
    `scale` declare it. Splits have their usual names (see `layout`), unless the options name them. Without a
    test split, `test_share` of the training images is the test set, always the same ones; without a
    validation split, a tenth of those that are left is used for validation.
    """

    options: HuggingFaceSection
    name = "huggingface"
    of_path = True

    class Options(PictureOptions, ArrayOptions):
        """Options of `data.huggingface`."""

        name: str = ""
        revision: str = ""
        config: str = ""
        image: str = Field("image", min_length=1)
        label: str = DEFAULT_LABEL
        train_split: str = ""
        valid_split: str = ""
        test_split: str = ""
        test_share: float = Field(0.1, gt=0, lt=1)

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the labels: the set's own, or the distinct values, sorted; or a single class."""
        return self._classes[0]

    @property
    def held_out(self) -> int:
        """The images of the validation split."""
        return len(self._classes[1].get("valid", ()))

    def training(self) -> Examples:
        """Returns the training images, followed by those of the validation split; raises VaelineError."""
        return self._sets[0]

    def test(self) -> Examples:
        """Returns the images of the test split, or `test_share` of train; raises VaelineError."""
        return self._sets[1]

    def scaling(self, train: np.ndarray) -> AnyScaling:
        """Returns levels for pictures and uint8, and for floats the range, or the statistics of train."""
        return self.options.huggingface.scaling(self.training().values, train)

    @property
    def background(self) -> str:
        """The colour that transparent pictures are laid on."""
        return self.options.huggingface.background

    def remarks(self) -> list[str]:
        """Returns where the set comes from, how it was understood, and what is suspicious."""
        options, opened = self.options.huggingface, self._opened
        revision = f", revision {options.revision or 'main'}, commit {opened.commit}"
        pictures = [part for part in self._read if isinstance(part, DecodedFiles)]
        return [
            *([f"data set of the hub: {opened.place}{revision}"] if opened.commit else []),
            *split_lines({role: part.name for role, part in self._parts.items()}, options.test_share),
            *(
                []
                if self._parts["train"].label
                else ["no column of labels is read: all images are one class"]
            ),
            *transparent_lines(sum(part.transparent for part in pictures), options.background, self.name),
            *(dark_lines(max(part.brightest for part in pictures)) if pictures else []),
        ]

    @cached_property
    def _opened(self) -> OpenedSet:
        options = self.options.huggingface
        if options.name:
            return hub_set(options.name, options.revision, options.config)
        return local_set(own_path(self.name, self.options), options.config)

    @cached_property
    def _parts(self) -> dict[Role, SetSplit]:
        options = self.options.huggingface
        asked: dict[Role, str] = {
            "train": options.train_split,
            "valid": options.valid_split,
            "test": options.test_split,
        }
        return chosen_splits(self._opened, asked, options.image, options.label)

    @cached_property
    def _read(self) -> list[DecodedFiles | ArrayImages]:
        """What training and validation split hold together, and the test split, if there is one."""
        parts, options = self._parts, self.options.huggingface
        training = [part for role, part in parts.items() if role != "test"]
        groups = [training, [parts["test"]]] if "test" in parts else [training]
        if parts["train"].holds_pictures:
            return [decoded_pictures(group, options.form, self.raw) for group in groups]
        return [mapped_arrays(group, options, self.raw) for group in groups]

    @cached_property
    def _images(self) -> list[ArraySource]:
        images: list[ArraySource] = [
            part.images if isinstance(part, DecodedFiles) else part for part in self._read
        ]
        if len({(part.shape[1:], part.dtype) for part in images}) > 1:
            differ = " and ".join(f"{list(part.shape)} {part.dtype}" for part in images)
            raise VaelineError(
                f"{self._opened.place}: images of train and test differ, {differ}: save both in one shape "
                "and type"
            )
        return images

    @cached_property
    def _classes(self) -> tuple[tuple[str, ...], dict[Role, np.ndarray]]:
        """The names of the classes, and the labels of each split."""
        self._read  # noqa: B018 (labels come with the images, in one pass over the rows)
        names, labels = class_labels(list(self._parts.values()))
        return names, dict(zip(self._parts, labels, strict=True))

    @cached_property
    def _sets(self) -> tuple[Examples, Examples]:
        images, labels = self._images, self._classes[1]
        count = len(labels["train"])
        held_out = labels.get("valid", labels["train"][:0])
        training = Examples(images[0], np.concatenate([labels["train"], held_out]))
        if "test" in labels:
            return training, Examples(images[1], labels["test"])
        kept, tested = share_as_test(count, self.options.huggingface.test_share)
        validation = count + np.arange(len(held_out))
        return rows_of(training, np.concatenate([kept, validation])), rows_of(training, tested)
