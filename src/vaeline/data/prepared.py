"""The prepared data: a description, and arrays that are memory-mapped rather than loaded."""

import hashlib
import io
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self

import numpy as np
from numpy.lib import format as npy
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from vaeline.core.errors import DamagedFileError, VaelineError
from vaeline.core.files import read_json
from vaeline.core.nouns import NOUNS, Noun
from vaeline.core.scaling import SCALING, TOP_LEVEL, AnyScaling, Scaling, Standardised

SPLITS = ("train", "valid", "test")
FEWEST = {"train": 2, "valid": 3, "test": 3}
"""Images that each split must have: a Fréchet distance with its error takes three of valid and of test."""
DESCRIPTION = "description.json"
SEAL = "sha256"
PREPARE_AGAIN = "run `dvc repro prepare` (or `dvc checkout data/prepared`)"


@dataclass(frozen=True, eq=False)
class Split:
    """Values and what belongs to them, memory-mapped read-only.

    Attributes:
        values: [N, *event_shape], (C, H, W) of images: uint8, which a model observes as value/255, or
            float32, which it observes as they are; see `Scaling`.
        labels: int64 [N].
        factors: int64 [N, F], for each example the index of each factor's value, if the factors are known.
    """

    values: np.ndarray
    labels: np.ndarray
    factors: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, rows: slice | np.ndarray) -> "Split":
        factors = None if self.factors is None else self.factors[rows]
        return Split(self.values[rows], self.labels[rows], factors)

    def mean(self) -> np.ndarray:
        """Returns the mean of what a model observes, float32 [*event_shape]."""
        return (self.values.mean(0, dtype=np.float64) / self._top).astype(np.float32)

    def evenly_spaced(self, count: int) -> np.ndarray:
        """Returns what a model observes of `count` examples evenly spaced, float32 [count, *event_shape].

        Raises:
            VaelineError: if there are fewer than `count`.
        """
        if count > len(self):
            raise VaelineError(f"{count} examples are needed, but the data set has {len(self)}")
        chosen = np.linspace(0, len(self) - 1, count).round().astype(int)
        return self.values[chosen].astype(np.float32) / self._top

    @property
    def _top(self) -> int:
        """What the stored values are divided by before a model observes them."""
        return TOP_LEVEL if self.values.dtype == np.uint8 else 1


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
            s: Split(arrays[f"{s}_values.npy"], arrays[f"{s}_labels.npy"], arrays.get(f"{s}_factors.npy"))
            for s in SPLITS
        }
        return cls(directory, description, **splits)

    @property
    def name(self) -> str:
        """Name of the data set, as in `data.name`."""
        return str(self.description["name"])

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one example: (C, H, W) of images, (D,) of vectors."""
        return tuple(self.description["shape"])

    @property
    def scaling(self) -> AnyScaling:
        """What the stored values are, and how they come from those of the user's data."""
        return SCALING.validate_python(self.description["values"])

    @property
    def classes(self) -> tuple[str, ...]:
        """Name of each label."""
        return tuple(self.description["classes"])

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns, x0, x1, … unless the data name them; empty for images."""
        if len(self.shape) != 1:
            return ()
        return tuple(self.description.get("columns") or (f"x{j}" for j in range(*self.shape)))

    @property
    def noun(self) -> Noun:
        """What examples are called: images or rows."""
        return NOUNS[len(self.shape)]

    @property
    def factors(self) -> dict[str, int]:
        """Number of values of each factor, by its name, in the order of `Split.factors`; empty if unknown."""
        return dict(self.description.get("factors", []))

    @property
    def identity(self) -> dict[str, str]:
        """Which data these are, and what else new files need to become such examples.

        `name`, `train_sha256` of the training values, and for pictures the `background` that transparent ones
        are laid on.
        """
        background = self.description.get("background")
        return {
            "name": self.name,
            "train_sha256": self.hashes["train_values.npy"],
            **({"background": background} if background else {}),
        }

    @property
    def splits(self) -> dict[str, Split]:
        """The three splits, by name."""
        return {name: getattr(self, name) for name in SPLITS}

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


def npy_header(dtype: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
    """Returns the header of an .npy file that holds such an array, as NumPy writes it."""
    header = io.BytesIO()
    facts = {"descr": npy.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    npy.write_array_header_1_0(header, facts)
    return header.getvalue()


def sealed(description: Mapping[str, Any]) -> dict[str, Any]:
    """Returns `description` with its own SHA-256, by which damage to it is noticed."""
    rest = {key: value for key, value in description.items() if key != SEAL}
    return {**rest, SEAL: hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()}


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


Length = Annotated[int, Field(ge=1)]


class _ArrayFacts(_Strict):
    dtype: str
    shape: list[Length]
    sha256: str


class _Description(_Strict):
    name: str
    shape: tuple[Length] | tuple[Length, Length, Length]
    values: Scaling
    classes: list[str] = Field(min_length=1)
    split: str
    split_seed: int
    factors: list[tuple[str, Length]] = []
    columns: list[str] = []
    background: str = ""
    counts: dict[str, list[Annotated[int, Field(ge=0)]]]
    remarks: list[str]
    arrays: dict[str, _ArrayFacts]
    sha256: str

    @model_validator(mode="after")
    def _arrays_are_those_of_a_data_set(self) -> Self:
        fields: dict[str, tuple[str, tuple[int, ...]]] = {
            "values": (self.values.dtype, self.shape),
            "labels": ("int64", ()),
        }
        fields |= {"factors": ("int64", (len(self.factors),))} if self.factors else {}
        if isinstance(self.values, Standardised) and len(self.values.mean) != self.shape[0]:
            raise ValueError("values has statistics of another number of channels")
        if self.columns and (len(self.columns),) != self.shape:
            raise ValueError("columns has another number of names than an example has columns")
        for split in SPLITS:
            values = self.arrays.get(f"{split}_values.npy")
            for field, (dtype, of_one) in fields.items():
                facts = self.arrays.get(f"{split}_{field}.npy")
                expected = None if values is None else (dtype, [values.shape[0], *of_one])
                if facts is None or (facts.dtype, facts.shape) != expected:
                    raise ValueError(f"{split}_{field}.npy does not belong to the rest")
        if {split: len(counts) for split, counts in self.counts.items()} != dict.fromkeys(
            SPLITS, len(self.classes)
        ):
            raise ValueError("counts are not of every split and class")
        if len(self.arrays) > len(SPLITS) * len(fields):
            raise ValueError("there are further arrays")
        return self


def _read_description(path: Path) -> dict[str, Any]:
    try:
        description = read_json(path)
        _Description.model_validate_json(json.dumps(description))
    except FileNotFoundError:
        raise VaelineError(f"{path}: no prepared data here: {PREPARE_AGAIN}") from None
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise _damaged(path, f"{key or 'arrays'}: {first['msg']}") from None
    except (VaelineError, ValueError):
        raise _damaged(path, "it is not JSON") from None
    if description != sealed(description):
        raise _damaged(path, "its SHA-256 is not the one that it states")
    return description


def _mapped(path: Path, facts: Mapping[str, Any]) -> np.ndarray:
    """Returns the array in `path`, whose whole header has to be the one that its `facts` give."""
    if not path.is_file():
        raise VaelineError(f"{path}: missing: {PREPARE_AGAIN}")
    dtype, shape = np.dtype(facts["dtype"]), tuple(facts["shape"])
    header = npy_header(dtype, shape)
    expected = len(header) + math.prod(shape) * dtype.itemsize
    if (size := path.stat().st_size) != expected:
        raise _damaged(path, f"it has {size} bytes instead of {expected}")
    with path.open("rb") as file:
        if file.read(len(header)) != header:
            raise _damaged(path, f"its header is not that of {dtype.name} {list(shape)}")
    # A private mapping, not a read-only one: torch warns of tensors that share memory of the latter.
    array: np.ndarray = np.memmap(path, dtype, mode="c", offset=len(header), shape=shape)
    array.flags.writeable = False
    return array


def _damaged(path: Path, reason: str) -> DamagedFileError:
    return DamagedFileError(path, f"damaged, {reason}", PREPARE_AGAIN)
