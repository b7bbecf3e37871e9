"""Images that the user has as arrays: NumPy, HDF5, Zarr or Parquet."""

from collections.abc import Callable
from functools import cached_property
from typing import Protocol

import numpy as np
from pydantic import Field

from vaeline.core.errors import VaelineError
from vaeline.core.scaling import AnyScaling
from vaeline.data.reading.array_files import ArrayFile
from vaeline.data.reading.array_formats import open_arrays
from vaeline.data.reading.array_images import ArrayImages, ArrayOptions, declared_images
from vaeline.data.reading.array_labels import checked_factors, checked_labels, encoded_labels
from vaeline.data.reading.dataset import Examples, OwnDataSet
from vaeline.data.reading.own_path import PathSection, own_path
from vaeline.data.reading.shares import with_share_as_test

ONE_CLASS = "all"
"""The class of all images where none has a label."""
ARRAY_DEFAULTS = {"labels": "labels", "factors": "factors"}
"""Names of arrays that need not be there."""


class ArraysSection(PathSection, Protocol):
    """The options in `data:` that arrays read."""

    @property
    def arrays(self) -> "Arrays.Options":
        """Options of `data.arrays`."""


class Arrays(OwnDataSet):
    """Images of any number of channels, any height and any width, in arrays at `data.path`.

    That is a file (.npy, .npz, .h5, .zarr, .parquet), or a folder of .npy files. The arrays `train_images`
    and `test_images` are the two sets; without them, `test_share` of `images` is the test set, always the
    same rows. Labels and factors are in arrays whose names begin likewise, if there are any. The options say
    what those names are.

    uint8 are levels 0 … 255. Floats are of a declared `range`, which is checked, and stored as [0, 1]; or
    they are `standardised`, each channel by its mean and standard deviation in train.
    """

    options: ArraysSection
    name = "arrays"
    of_path = True

    class Options(ArrayOptions):
        """Options of `data.arrays`."""

        images: str = Field("images", min_length=1)
        labels: str = Field(ARRAY_DEFAULTS["labels"], min_length=1)
        factors: str = Field(ARRAY_DEFAULTS["factors"], min_length=1)
        test_share: float = Field(0.1, gt=0, lt=1)

    @property
    def classes(self) -> tuple[str, ...]:
        """The distinct labels, sorted, or a single class."""
        return self._labels[0]

    @property
    def factors(self) -> dict[str, int]:
        """Number of values of each factor, by its number."""
        known = [part for part in self._of_each("factors", checked_factors) if part is not None]
        if not known:
            return {}
        return {f"factor{i}": int(most) + 1 for i, most in enumerate(np.concatenate(known).max(0))}

    def training(self) -> Examples:
        """Returns the training images in their own order; raises VaelineError."""
        return self._sets[0]

    def test(self) -> Examples:
        """Returns the test images, or `test_share` of all; raises VaelineError."""
        return self._sets[1]

    def scaling(self, train: np.ndarray) -> AnyScaling:
        """Returns levels for uint8, and for floats the declared range, or the statistics of train."""
        return self.options.arrays.scaling(self.training().values, train)

    def remarks(self) -> list[str]:
        """Returns which arrays are not used."""
        fields = (self.options.arrays.images, self.options.arrays.labels, self.options.arrays.factors)
        used = {f"{prefix}{field}" for prefix in self._prefixes for field in fields}
        if unused := [name for name in self._file.names if name not in used]:
            return [f"left out, arrays that no option of data.arrays names: {', '.join(unused)}"]
        return []

    @cached_property
    def _file(self) -> ArrayFile:
        return open_arrays(own_path(self.name, self.options))

    @cached_property
    def _prefixes(self) -> tuple[str, ...]:
        """What names begin with: of the training and the test set, or of the only one."""
        images, names = self.options.arrays.images, self._file.names
        if {f"train_{images}", f"test_{images}"} <= {*names}:
            return ("train_", "test_")
        if images in names or not self._file.named:
            return ("",)
        raise VaelineError(
            f"{self._file.path} has no '{images}', nor 'train_{images}' and 'test_{images}', but "
            f"{', '.join(names) or 'no array at all'}: say which are the images, "
            "`dvc exp run -S data.arrays.images=NAME`"
        )

    @cached_property
    def _images(self) -> tuple[ArrayImages, ...]:
        images = tuple(map(self._images_of, self._prefixes))
        if len({(part.shape[1:], part.dtype) for part in images}) > 1:
            differ = " and ".join(f"{part.name} {list(part.shape)} {part.dtype}" for part in images)
            raise VaelineError(f"{differ} differ: save both in one shape and type")
        return images

    def _images_of(self, prefix: str) -> ArrayImages:
        name = f"{prefix}{self.options.arrays.images}"
        array, place = self._file.mapped(name, self.raw), self._file.place(name)
        return declared_images(array, place, self.options.arrays, "data.arrays")

    @cached_property
    def _labels(self) -> tuple[tuple[str, ...], list[np.ndarray]]:
        """The classes, and the numbers of the labels of each set."""
        labels = self._of_each("labels", checked_labels)
        return encoded_labels(
            [
                np.full(len(images), ONE_CLASS) if known is None else known
                for images, known in zip(self._images, labels, strict=True)
            ]
        )

    @cached_property
    def _sets(self) -> tuple[Examples, Examples]:
        factors = self._of_each("factors", checked_factors)
        sets = list(map(Examples, self._images, self._labels[1], factors))
        if len(sets) == 1:
            return with_share_as_test(sets[0], self.options.arrays.test_share)
        return sets[0], sets[1]

    def _of_each(
        self, option: str, checked: Callable[[str, np.ndarray, int], np.ndarray]
    ) -> list[np.ndarray | None]:
        """Returns labels or factors of each set; None where there are none.

        Raises:
            VaelineError: if one set has them and the other has not, or if they are named and missing.
        """
        wanted: str = getattr(self.options.arrays, option)
        names = [f"{prefix}{wanted}" for prefix in self._prefixes]
        missing = [name for name in names if name not in self._file.names]
        if missing and (len(missing) < len(names) or wanted != ARRAY_DEFAULTS[option]):
            raise VaelineError(
                f"{self._file.path} has no '{missing[0]}', but {', '.join(self._file.names)}: add it, or set "
                f"data.arrays.{option} to the name that it has"
            )
        if missing:
            return [None] * len(names)
        return [
            checked(self._file.place(name), self._file.whole(name), len(images))
            for name, images in zip(names, self._images, strict=True)
        ]
