"""Images in an array of the user's: their axes as declared, and every value checked when it is read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from pydantic import Field, field_validator

from vaeline.core.errors import VaelineError
from vaeline.core.params import BaseOptions
from vaeline.core.scaling import BYTES, AnyScaling, Range
from vaeline.data.arrays import ArraySource
from vaeline.data.reading.statistics import standardisation

Axes = Literal["NHW", "NCHW", "NHWC"]
"""What the axes of an array are: images, channels, height, width."""

TO_NCHW: Mapping[Axes, tuple[int, ...]] = {"NHW": (0, 1, 2), "NCHW": (0, 1, 2, 3), "NHWC": (0, 3, 1, 2)}


class Interval(NamedTuple):
    """The declared range of floats."""

    low: float
    high: float


class ArrayOptions(BaseOptions):
    """What the user's arrays hold; `axes` has no default, since a wrong guess may go unnoticed."""

    axes: Axes | None = None
    scale: Literal["range", "standardised"] = "range"
    range: list[float] = Field([0.0, 1.0])

    @field_validator("range")
    @classmethod
    def _ascends(cls, value: list[float]) -> list[float]:
        if len(value) != 2 or value[0] >= value[1]:
            raise ValueError("should be two numbers, the lower one first, as in [0, 1]")
        return value

    def scaling(self, values: ArraySource, train: np.ndarray) -> AnyScaling:
        """Returns levels for uint8, and for floats the declared range, or the statistics of train's rows."""
        if values.dtype == np.uint8:
            return BYTES
        if self.scale == "standardised":
            return standardisation(values, train)
        return Range(low=self.range[0], high=self.range[1])


@dataclass(frozen=True, eq=False)
class ArrayImages:
    """The images of `array`, [N, C, H, W], checked and transposed when it is indexed.

    Attributes:
        array: uint8 or floats, with the axes `axes`; it may be memory-mapped.
        axes: what its axes are.
        name: where it comes from, in messages.
        interval: what floats have to lie in, if that is declared.
        section: the section of params.yaml that declares it.
    """

    array: np.ndarray
    axes: Axes
    name: str
    interval: Interval | None
    section: str

    def __post_init__(self) -> None:
        """Raises VaelineError for another number of axes, an axis without places, and another dtype."""
        if self.array.ndim != len(self.axes) or not all(self.array.shape):
            raise VaelineError(
                f"{self.name} has the shape {list(self.array.shape)}, which is not {self.axes} "
                f"({_spelled(self.axes)}): declare what its axes are, "
                f"{axes_commands(self.array.ndim, self.section)}"
            )
        if self.array.dtype != np.uint8 and self.array.dtype.kind != "f":
            raise VaelineError(
                f"{self.name} is {self.array.dtype.name}: save it as uint8, if it holds levels 0 … 255, or "
                f"as float32, with {self.section}.range"
            )

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, C, H, W)."""
        count, *rest = (self.array.shape[axis] for axis in TO_NCHW[self.axes])
        return (count, 1, *rest) if len(rest) == 2 else (count, *rest)

    @property
    def dtype(self) -> "np.dtype[np.generic]":
        """uint8, or the type of the floats."""
        return self.array.dtype

    def __len__(self) -> int:
        return len(self.array)

    def __getitem__(self, rows: np.ndarray | slice) -> np.ndarray:
        """Returns images [n, C, H, W]; raises VaelineError for the first value that is wrong."""
        values = self.array[rows]
        if values.dtype != np.uint8:
            self._check(values, np.arange(len(self))[rows])
        return values.transpose(TO_NCHW[self.axes]).reshape(-1, *self.shape[1:])

    def _check(self, values: np.ndarray, rows: np.ndarray) -> None:
        if not np.isfinite(values).all():
            value, place = _first(~np.isfinite(values), values, rows)
            raise VaelineError(
                f"{self.name}{place} = {value}: only finite numbers can be learned: replace it, or leave out "
                "its row"
            )
        if self.interval and not ((values >= self.interval.low) & (values <= self.interval.high)).all():
            low, high = self.interval
            value, place = _first((values < low) | (values > high), values, rows)
            raise VaelineError(
                f"{self.name}{place} = {value:g} is outside {self.section}.range = [{low:g}, {high:g}]: "
                "declare the range of the data, or standardise them, "
                f"`dvc exp run -S {self.section}.scale=standardised`"
            )


def declared_images(array: np.ndarray, name: str, options: ArrayOptions, section: str) -> ArrayImages:
    """Returns `array` as images, as `options` declare them.

    Raises:
        VaelineError: if its axes are not declared, and see `ArrayImages`.
    """
    if options.axes is None:
        raise VaelineError(
            f"{section}.axes is not declared, and {name} has the shape {list(array.shape)}: say what "
            f"its axes are, {axes_commands(array.ndim, section)}"
        )
    interval = Interval(*options.range) if options.scale == "range" else None
    return ArrayImages(array, options.axes, name, interval, section)


def axes_commands(count: int, section: str) -> str:
    """Returns the commands that declare the axes of an array with `count` of them, in a section of params."""
    fitting = [f"`dvc exp run -S {section}.axes={axes}`" for axes in TO_NCHW if len(axes) == count]
    return " or ".join(fitting) or "which have to be [N, H, W], [N, C, H, W] or [N, H, W, C]"


def _spelled(axes: Axes) -> str:
    return f"[{', '.join(axes)}]"


def _first(wrong: np.ndarray, values: np.ndarray, rows: np.ndarray) -> tuple[float, list[int]]:
    """Returns the first value that is `wrong`, and where it is in the array of which these are `rows`."""
    row, *place = np.argwhere(wrong)[0]
    return float(values[row, *place]), [int(rows[row]), *map(int, place)]
