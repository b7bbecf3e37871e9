"""The prepared data: a description, and arrays that are memory-mapped rather than loaded."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from vaeline.core.errors import VaelineError
from vaeline.core.files import read_json

SPLITS = ("train", "valid", "test")
DESCRIPTION = "description.json"
PREPARE_AGAIN = "run `dvc repro prepare` (or `dvc checkout data/prepared`)"


@dataclass(frozen=True, eq=False)
class Split:
    """Images and what belongs to them, memory-mapped read-only.

    Attributes:
        images: uint8 [N, C, H, W].
        labels: int64 [N].
        factors: int64 [N, F], for each image the index of each factor's value, if the factors are known.
    """

    images: np.ndarray
    labels: np.ndarray
    factors: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, rows: slice | np.ndarray) -> "Split":
        factors = None if self.factors is None else self.factors[rows]
        return Split(self.images[rows], self.labels[rows], factors)

    def mean(self) -> np.ndarray:
        """Returns the mean image, float32 [C, H, W] in [0, 1]."""
        return (self.images.mean(0, dtype=np.float64) / 255).astype(np.float32)

    def evenly_spaced(self, count: int) -> np.ndarray:
        """Returns `count` images evenly spaced over the whole set, float32 [count, C, H, W] in [0, 1].

        Raises:
            VaelineError: if there are fewer than `count`.
        """
        if count > len(self):
            raise VaelineError(f"{count} images are needed, but the data set has {len(self)}")
        chosen = np.linspace(0, len(self) - 1, count).round().astype(int)
        return self.images[chosen].astype(np.float32) / 255


@dataclass(frozen=True, eq=False)
class Prepared:
    """A prepared data set: three splits, and `description`, the content of description.json."""

    directory: Path
    description: Mapping[str, Any]
    train: Split
    valid: Split
    test: Split

    @classmethod
    def open(cls, directory: Path | str = "data/prepared") -> Self:
        """Maps the arrays in `directory`, comparing headers and sizes only; `verify` compares the contents.

        Raises:
            VaelineError: if a file is missing or damaged.
        """
        directory = Path(directory)
        description = _read_description(directory / DESCRIPTION)
        arrays = {file: _mapped(directory / file, facts) for file, facts in description["arrays"].items()}
        splits = {
            s: Split(arrays[f"{s}_images.npy"], arrays[f"{s}_labels.npy"], arrays.get(f"{s}_factors.npy"))
            for s in SPLITS
        }
        return cls(directory, description, **splits)

    @property
    def name(self) -> str:
        """Name of the data set, as in `data.name`."""
        return str(self.description["name"])

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of one image."""
        channels, height, width = self.description["shape"]
        return channels, height, width

    @property
    def classes(self) -> tuple[str, ...]:
        """Name of each label."""
        return tuple(self.description["classes"])

    @property
    def factors(self) -> dict[str, int]:
        """Number of values of each factor, by its name, in the order of `Split.factors`; empty if unknown."""
        return dict(self.description.get("factors", []))

    @property
    def hashes(self) -> dict[str, str]:
        """SHA-256 of each stored array, by file name."""
        return {file: facts["sha256"] for file, facts in self.description["arrays"].items()}

    def verify(self) -> None:
        """Raises VaelineError unless every stored array is, byte for byte, the one that was prepared."""
        for file, expected in self.hashes.items():
            with (self.directory / file).open("rb") as stored:
                if hashlib.file_digest(stored, "sha256").hexdigest() != expected:
                    raise _damaged(self.directory / file, "its SHA-256 is not the one in the description")


def _read_description(path: Path) -> dict[str, Any]:
    try:
        description = read_json(path)
    except FileNotFoundError:
        raise VaelineError(f"{path}: no prepared data here: {PREPARE_AGAIN}") from None
    except VaelineError:
        raise _damaged(path, "it is not JSON") from None
    if missing := {"name", "shape", "classes", "arrays"} - description.keys():
        raise _damaged(path, f"it lacks {', '.join(sorted(missing))}")
    return description


def _mapped(path: Path, facts: Mapping[str, Any]) -> np.ndarray:
    if not path.is_file():
        raise VaelineError(f"{path}: missing: {PREPARE_AGAIN}")
    if (size := path.stat().st_size) != facts["bytes"]:
        raise _damaged(path, f"it has {size} bytes instead of {facts['bytes']}")
    try:
        array: np.ndarray = np.load(path, mmap_mode="r")
    except ValueError:
        raise _damaged(path, "its header is not that of an array") from None
    if (array.dtype.name, list(array.shape)) != (facts["dtype"], facts["shape"]):
        raise _damaged(path, f"it holds {array.dtype.name} {list(array.shape)}")
    return array


def _damaged(path: Path, reason: str) -> VaelineError:
    return VaelineError(f"{path}: damaged, {reason}: {PREPARE_AGAIN}")
