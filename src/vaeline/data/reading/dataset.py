"""What a data set is: a training set, a test set of its own, and the sizes it is split into by default."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

import numpy as np
from pydantic import Field, PlainValidator
from pydantic_core import PydanticCustomError

from vaeline.core.params import BaseOptions


def _size(value: Any) -> int | Literal["auto"]:
    # One validator, not a union: a union's error names its branches, which are no keys of params.yaml.
    if value == "auto" or (isinstance(value, int) and not isinstance(value, bool) and value >= 2):
        return value
    raise PydanticCustomError("size", "should be a number of images, at least 2, or auto")


SplitSize = Annotated[int | Literal["auto"], PlainValidator(_size)]


class DataOptions(BaseOptions):
    """What the `data:` section holds for every data set; `auto` is the data set's own default.

    `split` decides which training images become train and which valid: `random`, by `split_seed` alone, or
    `tail`, in the order of their file, with the last ones as valid.
    """

    split: Literal["random", "tail"] = "random"
    # RandomState takes no seed beyond 32 bits.
    split_seed: int = Field(0, ge=0, lt=2**32)
    train_size: SplitSize = "auto"
    valid_size: SplitSize = "auto"


class Examples(NamedTuple):
    """Images and what belongs to each.

    All are read in pieces, `images[indices]`, so that what does not fit into memory may be an object
    that loads a piece when it is asked for it.
    """

    images: np.ndarray
    """uint8 [N, C, H, W]."""
    labels: np.ndarray
    """int64 [N]."""
    factors: np.ndarray | None = None
    """int64 [N, F]: the index of each factor's value, where it is known what the images are made of."""


class DataSet(ABC):
    """A data set as its makers published it; `raw` is the folder of downloaded files (data/raw)."""

    name: ClassVar[str]
    classes: ClassVar[tuple[str, ...]]
    train_size: ClassVar[int]
    valid_size: ClassVar[int]

    def __init__(self, section: DataOptions, raw: Path) -> None:
        self.options = section
        self.raw = raw

    @property
    def factors(self) -> dict[str, int]:
        """The number of values of each factor in `Examples.factors`, by its name; empty without factors."""
        return {}

    @abstractmethod
    def training(self) -> Examples:
        """Returns the training set, from which train and valid are drawn; raises VaelineError."""

    @abstractmethod
    def test(self) -> Examples:
        """Returns the test set, which stays whole; raises VaelineError."""
