"""What a data set is: a training set, a test set, and the sizes that the training set is split into."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Protocol

import numpy as np
from pydantic import Field, PlainValidator
from pydantic_core import PydanticCustomError

from vaeline.core.params import BaseOptions
from vaeline.core.scaling import BYTES, AnyScaling
from vaeline.data.arrays import ArraySource
from vaeline.data.prepared import FEWEST


def _split_size(value: Any) -> int | Literal["auto"]:
    # One validator, not a union: the error of a union names its branches, which are no keys of params.yaml.
    if value == "auto" or (isinstance(value, int) and not isinstance(value, bool) and value >= 2):
        return value
    raise PydanticCustomError("size", "should be a number of examples, at least 2, or auto")


SplitSize = Annotated[int | Literal["auto"], PlainValidator(_split_size)]


class DataOptions(BaseOptions):
    """Options in `data:` that all data sets share; `auto` is the data set's own default.

    `path` is the file or folder of the user's own data, relative to the root of the repository or absolute;
    only data sets of one's own read it. `split` decides which training images become train and which valid:
    `random` depends on `split_seed` alone, and `tail` keeps the order of the files and takes the last images
    as valid.
    """

    path: str = Field("data/own", min_length=1)
    split: Literal["random", "tail"] = "random"
    # RandomState takes no seed beyond 32 bits.
    split_seed: int = Field(0, ge=0, lt=2**32)
    train_size: SplitSize = "auto"
    valid_size: SplitSize = "auto"


class DataSection(Protocol):
    """The options in `data:` that splitting reads; a data set with options of its own adds its block."""

    @property
    def split(self) -> Literal["random", "tail"]:
        """Which of the training images become valid."""

    @property
    def split_seed(self) -> int:
        """Seed of the random order."""

    @property
    def train_size(self) -> int | Literal["auto"]:
        """Images to train on."""

    @property
    def valid_size(self) -> int | Literal["auto"]:
        """Images to validate on."""


class Examples(NamedTuple):
    """Values and what belongs to each of them."""

    values: ArraySource
    """[N, *event_shape], (C, H, W) of images, in the units of the data; see `DataSet.scaling`."""
    labels: np.ndarray
    """int64 [N]."""
    factors: np.ndarray | None = None
    """int64 [N, F]: the index of each factor's value, if the factors are known."""


class DataSet(ABC):
    """A data set, published or of one's own.

    Attributes:
        name: as in `data.name`.
        of_path: whether it is what `data.path` holds.

    Args:
        section: the `data:` section of params.yaml.
        raw: folder of downloaded files (data/raw).
    """

    name: ClassVar[str]
    of_path: ClassVar[bool] = False

    def __init__(self, section: DataSection, raw: Path) -> None:
        self.options = section
        self.raw = raw

    @property
    @abstractmethod
    def classes(self) -> tuple[str, ...]:
        """Name of each label."""

    @property
    @abstractmethod
    def train_size(self) -> int:
        """Default number of images to train on."""

    @property
    @abstractmethod
    def valid_size(self) -> int:
        """Default number of images to validate on."""

    @property
    def held_out(self) -> int:
        """Images at the end of the training set that alone are used for validation; 0: any of them may be."""
        return 0

    def scaling(self, train: np.ndarray) -> AnyScaling:  # noqa: ARG002
        """Returns how the values are stored, given the indices of `training()` that are in train: as levels.

        Where that depends on statistics, they are those of train alone. A data set whose `training()` and
        `test()` give anything but uint8 returns another kind.
        """
        return BYTES

    def remarks(self) -> list[str]:
        """Returns what a user should know about this data, a line each."""
        return []

    def named(self, split: str, row: int) -> str:
        """Returns what the example at `row` of `test()`, or of `training()` for other splits, is called."""
        return f"{'test' if split == 'test' else 'training'} row {row}"

    @property
    def factors(self) -> dict[str, int]:
        """Number of values of each factor in `Examples.factors`, by its name; empty without factors."""
        return {}

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns, if an example is a row of a table; empty for images."""
        return ()

    @property
    def background(self) -> str:
        """What transparent pictures are laid on, if it decodes the user's pictures; else empty."""
        return ""

    @abstractmethod
    def training(self) -> Examples:
        """Returns the training set, from which train and valid are taken; raises VaelineError."""

    @abstractmethod
    def test(self) -> Examples:
        """Returns the test set, which is used whole; raises VaelineError."""


class OwnDataSet(DataSet):
    """A data set of the user's, at `data.path` or from a hub, whose size is not known beforehand."""

    @property
    def train_size(self) -> int:
        """All training examples that are not used for validation."""
        return len(self.training().values) - self.valid_size

    @property
    def valid_size(self) -> int:
        """All examples that are held out for validation, or a tenth of the training examples, at least 3."""
        return self.held_out or max(FEWEST["valid"], len(self.training().values) // 10)
