"""The units of values: of the user's data, of what is stored of them, of what a model observes, of pictures.

Prepared values are either uint8 levels, which a model observes as level/255, or float32, which it observes as
they are. A `Scaling` maps between the units of the user's data and what is stored of them.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

if TYPE_CHECKING:  # prepare does without torch, whose import takes seconds
    from torch import Tensor

TOP_LEVEL = 255

ValuesT = TypeVar("ValuesT", np.ndarray, "Tensor")
"""Values [N, *event_shape]: an array or a tensor."""


class _Scaling(BaseModel):
    """The identity in [0, 1], which the three kinds below change where they differ.

    Attributes:
        unit: whether a model observes values in [0, 1].
        dtype: type of the stored values.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)

    unit: ClassVar[bool] = True
    dtype: ClassVar[str] = "float32"

    def bounded(self, observed: ValuesT) -> ValuesT:
        """Returns values in the units that a model observes, within what they can be."""
        return observed.clip(0, 1)

    def picture(self, observed: ValuesT) -> ValuesT:
        """Returns observed values [N, C, H, W] as pixels in [0, 1]."""
        return observed.clip(0, 1)

    def of_picture(self, pixels: np.ndarray) -> np.ndarray:
        """Returns pixels in [0, 1], [N, C, H, W], as observed values: the inverse of `picture`."""
        return pixels


class _Floats(_Scaling, ABC):
    """Floats, which are observed as they are stored, and come and go in the units of the user's data."""

    @abstractmethod
    def stored(self, values: np.ndarray) -> np.ndarray:
        """Returns values of the user's data as they are stored, float32."""

    @abstractmethod
    def original(self, observed: ValuesT) -> ValuesT:
        """Returns observed values in the units of the user's data."""

    def observed(self, values: np.ndarray) -> np.ndarray:
        """Returns values of the user's data as a model observes them, which is as they are stored."""
        return self.stored(values)

    def read(self, values: np.ndarray) -> np.ndarray:
        """Returns values from outside as a model observes them."""
        return self.observed(values)

    def written(self, observed: ValuesT) -> ValuesT:
        """Returns observed values as they go outside."""
        return self.original(observed)


class Bytes(_Scaling):
    """Levels 0 … 255: stored as they are, observed as level/255."""

    dtype: ClassVar[str] = "uint8"
    kind: Literal["bytes"] = "bytes"

    def stored(self, values: np.ndarray) -> np.ndarray:
        """Returns the levels themselves."""
        return values

    def observed(self, values: np.ndarray) -> np.ndarray:
        """Returns levels as a model observes them, float32."""
        return values.astype(np.float32) / TOP_LEVEL

    def original(self, observed: ValuesT) -> ValuesT:
        """Returns observed values in [0, 1] as levels, which need not be whole."""
        return observed * TOP_LEVEL

    def accepts(self, values: np.ndarray) -> np.ndarray:
        """Returns which values from outside can be observed; NaN cannot."""
        return (values >= 0) & (values <= _top(values))

    def accepted(self, values: np.ndarray) -> str:
        """Returns what `accepts` allows, in words."""
        return "levels 0 to 255" if _top(values) == TOP_LEVEL else "floats in [0, 1]"

    def read(self, values: np.ndarray) -> np.ndarray:
        """Returns values from outside, levels or floats in [0, 1], as a model observes them, float32."""
        return values.astype(np.float32) / _top(values)

    def written(self, observed: ValuesT) -> ValuesT:
        """Returns observed values as they go outside: in [0, 1]."""
        return observed


class Range(_Floats):
    """Floats between `low` and `high`: stored and observed as their place between the two, in [0, 1]."""

    kind: Literal["range"] = "range"
    low: float
    high: float

    @model_validator(mode="after")
    def _ascends(self) -> Self:
        if self.low >= self.high:
            raise ValueError(f"low should be below high, found {self.low:g} and {self.high:g}")
        return self

    def stored(self, values: np.ndarray) -> np.ndarray:
        """Returns values of the user's data as they are stored, float32 in [0, 1]."""
        return ((values.astype(np.float64) - self.low) / (self.high - self.low)).astype(np.float32)

    def original(self, observed: ValuesT) -> ValuesT:
        """Returns observed values in the units of the user's data."""
        return observed * (self.high - self.low) + self.low

    def accepts(self, values: np.ndarray) -> np.ndarray:
        """Returns which values from outside can be observed; NaN cannot."""
        return (values >= self.low) & (values <= self.high)

    def accepted(self, values: np.ndarray) -> str:  # noqa: ARG002
        """Returns what `accepts` allows, in words."""
        return f"numbers from {self.low:g} to {self.high:g}"


class Standardised(_Floats):
    """Floats with mean 0 and variance 1 over train, for each channel of images or each column of vectors.

    Attributes:
        mean: of each channel or column, in the units of the user's data.
        std: the standard deviations.
        least: the smallest values in train.
        most: the largest.
    """

    unit: ClassVar[bool] = False
    kind: Literal["standardised"] = "standardised"
    mean: list[float] = Field(min_length=1)
    std: list[Annotated[float, Field(gt=0)]]
    least: list[float]
    most: list[float]

    @model_validator(mode="after")
    def _as_many_of_each(self) -> Self:
        counts = {len(numbers) for numbers in (self.mean, self.std, self.least, self.most)}
        if len(counts) != 1:
            raise ValueError("mean, std, least and most should have as many numbers each")
        return self

    def stored(self, values: np.ndarray) -> np.ndarray:
        """Returns values of the user's data as they are stored, float32."""
        values = values.astype(np.float64)
        return ((values - _along(self.mean, values)) / _along(self.std, values)).astype(np.float32)

    def original(self, observed: ValuesT) -> ValuesT:
        """Returns observed values in the units of the user's data."""
        return observed * _along(self.std, observed) + _along(self.mean, observed)

    def accepts(self, values: np.ndarray) -> np.ndarray:
        """Returns which values from outside can be observed: all that are finite."""
        return np.isfinite(values)

    def accepted(self, values: np.ndarray) -> str:  # noqa: ARG002
        """Returns what `accepts` allows, in words."""
        return "finite numbers"

    def bounded(self, observed: ValuesT) -> ValuesT:
        """Returns `observed` itself: what train has not reached is not impossible."""
        return observed

    def picture(self, observed: ValuesT) -> ValuesT:
        """Returns observed values as pixels in [0, 1]: from least to most in each channel."""
        least, most = _along(self.least, observed), _along(self.most, observed)
        # A channel of one value has no range; its std is 1, and its pixels are black.
        return ((self.original(observed) - least) / (most - least).clip(1e-12)).clip(0, 1)

    def of_picture(self, pixels: np.ndarray) -> np.ndarray:
        """Returns pixels in [0, 1], [N, C, H, W], as observed values: the inverse of `picture`."""
        least, most = _along(self.least, pixels), _along(self.most, pixels)
        return self.stored(least + pixels * (most - least))


Scaling = Annotated[Bytes | Range | Standardised, Field(discriminator="kind")]
"""One of the three kinds, which its field `kind` names."""
AnyScaling = Bytes | Range | Standardised
SCALING: TypeAdapter[AnyScaling] = TypeAdapter(Scaling)
BYTES = Bytes()


def _top(values: np.ndarray) -> int:
    """Returns the largest value of levels (integers), or of floats."""
    return 1 if values.dtype.kind in "bf" else TOP_LEVEL


def _along(numbers: Sequence[float], values: ValuesT) -> ValuesT:
    """Returns a number for each channel or column, shaped so that it meets `values` [N, *event_shape]."""
    shaped = np.reshape(numbers, (-1, *[1] * (values.ndim - 2)))
    if isinstance(values, np.ndarray):
        return shaped.astype(values.dtype)
    return values.new_tensor(shaped)
