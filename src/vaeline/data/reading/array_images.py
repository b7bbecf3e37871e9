"""Images in an array of the user's: their axes as declared, and every value checked when it is read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from vaeline.core.errors import VaelineError

Axes = Literal["NHW", "NCHW", "NHWC"]
"""What the axes of an array are: images, channels, height, width."""

TO_NCHW: Mapping[Axes, tuple[int, ...]] = {"NHW": (0, 1, 2), "NCHW": (0, 1, 2, 3), "NHWC": (0, 3, 1, 2)}


class Interval(NamedTuple):
    """The declared range of floats."""

    low: float
    high: float


@dataclass(frozen=True, eq=False)
class ArrayImages:
    """The images of `array`, [N, C, H, W], checked and transposed when it is indexed.

    Attributes:
        array: uint8 or floats, with the axes `axes`; it may be memory-mapped.
        axes: what its axes are.
        name: where it comes from, in messages.
        interval: what floats have to lie in, if that is declared.
    """

    array: np.ndarray
    axes: Axes
    name: str
    interval: Interval | None

    def __post_init__(self) -> None:
        """Raises VaelineError for another number of axes, an axis without places, and another dtype."""
        if self.array.ndim != len(self.axes) or not all(self.array.shape):
            raise VaelineError(
                f"{self.name} has the shape {list(self.array.shape)}, which is not {self.axes} "
                f"({_spelled(self.axes)}): declare what its axes are, {axes_commands(self.array.ndim)}"
            )
        if self.array.dtype != np.uint8 and self.array.dtype.kind != "f":
            raise VaelineError(
                f"{self.name} is {self.array.dtype.name}: save it as uint8, if it holds levels 0 … 255, or "
                "as float32, with data.arrays.range"
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
                f"{self.name}{place} = {value:g} is outside data.arrays.range = [{low:g}, {high:g}]: declare "
                "the range of the data, or standardise them, `dvc exp run -S data.arrays.scale=standardised`"
            )


def axes_commands(count: int) -> str:
    """Returns the commands that declare the axes of an array with `count` of them."""
    fitting = [f"`dvc exp run -S data.arrays.axes={axes}`" for axes in TO_NCHW if len(axes) == count]
    return " or ".join(fitting) or "which have to be [N, H, W], [N, C, H, W] or [N, H, W, C]"


def _spelled(axes: Axes) -> str:
    return f"[{', '.join(axes)}]"


def _first(wrong: np.ndarray, values: np.ndarray, rows: np.ndarray) -> tuple[float, list[int]]:
    """Returns the first value that is `wrong`, and where it is in the array of which these are `rows`."""
    row, *place = np.argwhere(wrong)[0]
    return float(values[row, *place]), [int(rows[row]), *map(int, place)]
