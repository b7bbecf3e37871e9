"""The prepared data: arrays that are mapped into memory, never loaded whole, and their description."""

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
    """Images (uint8 [N, C, H, W]) and labels (int64 [N]), mapped read-only from the disk.

    `factors` (int64 [N, F]) are the indices of the values that each image was made of, where they are known.
    """

    images: np.ndarray
    labels: np.ndarray
    factors: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, rows: slice | np.ndarray) -> Self:
        factors = None if self.factors is None else self.factors[rows]
        return Split(self.images[rows], self.labels[rows], factors)

    def mean(self) -> np.ndarray:
        """The mean image, float32 [C, H, W] in [0, 1]."""
        return (self.images.mean(0, dtype=np.float64) / 255).astype(np.float32)

    def spread(self, count: int) -> np.ndarray:
        """Returns `count` images evenly from the whole set, float32 [count, C, H, W] in [0, 1].

        Raises VaelineError where there are not as many.
        """
        if count > len(self):
            raise VaelineError(f"{count} images are asked for, and there are {len(self)}")
        chosen = np.linspace(0, len(self) - 1, count).round().astype(int)
        return self.images[chosen].astype(np.float32) / 255


@dataclass(frozen=True, eq=False)
class Prepared:
    """A prepared data set: three splits, and `description`, which is what description.json holds."""

    directory: Path
    description: Mapping[str, Any]
    train: Split
    valid: Split
    test: Split

    @classmethod
    def open(cls, directory: Path | str = "data/prepared") -> Self:
        """Maps the arrays in `directory`; raises VaelineError where a file is missing or damaged.

        Compares headers and sizes only, which costs nothing: `verify` compares the contents.
        """
        directory = Path(directory)
        description = _described(directory / DESCRIPTION)
        arrays = {file: _mapped(directory / file, facts) for file, facts in description["arrays"].items()}
        splits = {
            s: Split(arrays[f"{s}_images.npy"], arrays[f"{s}_labels.npy"], arrays.get(f"{s}_factors.npy"))
            for s in SPLITS
        }
        return cls(directory, description, **splits)

    @property
    def name(self) -> str:
        """The data set's name, as in `data.name`."""
        return self.description["name"]

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of one image."""
        channels, height, width = self.description["shape"]
        return channels, height, width

    @property
    def classes(self) -> tuple[str, ...]:
        """The name of each label."""
        return tuple(self.description["classes"])

    @property
    def factors(self) -> dict[str, int]:
        """The number of values of each factor, by its name, in the order of `Split.factors`; or nothing."""
        return dict(self.description.get("factors", []))

    @property
    def hashes(self) -> dict[str, str]:
        """File name → SHA-256 of each stored array."""
        return {file: facts["sha256"] for file, facts in self.description["arrays"].items()}

    def verify(self) -> None:
        """Raises VaelineError if a stored array is not, byte for byte, the one that was prepared."""
        for file, expected in self.hashes.items():
            with (self.directory / file).open("rb") as stored:
                if hashlib.file_digest(stored, "sha256").hexdigest() != expected:
                    raise _damaged(self.directory / file, "its SHA-256 is not the one of the description")


def _described(path: Path) -> dict[str, Any]:
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
        raise _damaged(path, f"{size} bytes instead of {facts['bytes']}")
    try:
        array = np.load(path, mmap_mode="r")
    except ValueError:
        raise _damaged(path, "its header is not that of an array") from None
    if (array.dtype.name, list(array.shape)) != (facts["dtype"], facts["shape"]):
        raise _damaged(path, f"it holds {array.dtype.name} {list(array.shape)}")
    return array


def _damaged(path: Path, why: str) -> VaelineError:
    return VaelineError(f"{path}: damaged, {why}: {PREPARE_AGAIN}")
