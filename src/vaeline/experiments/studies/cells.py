"""The cells of table 1 of Burda et al. (2016), and how far apart two trainings of one cell end."""

import math
import re
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

CELL_NAME = re.compile(r"(burda|fast|short)-(\d)l-(vae|iwae)-k(\d+)")
BINARIZATION_SD = 0.06
"""Standard deviation in nats of the mean NLL of MNIST's test images over draws of their binarization.

Measured with the default model and IWAE-20: 0.059, from five draws for each of 1,250 images. (All 10,000 are
always scored; a draw for each image is independent, so that the deviation of the mean follows.)
"""


@dataclass(frozen=True)
class Cell:
    """A cell of the table: the bound is `vae` or `iwae`, of k draws."""

    family: str
    layers: int
    k: int
    bound: str

    @classmethod
    def of(cls, preset: str) -> Self | None:
        """Returns the cell that a preset trains, or None if it is no cell's."""
        match = CELL_NAME.fullmatch(preset)
        return cls(match[1], int(match[2]), int(match[4]), match[3]) if match else None

    @property
    def preset(self) -> str:
        """The preset that trains it."""
        return f"{self.family}-{self.layers}l-{self.bound}-k{self.k}"

    @property
    def presets(self) -> tuple[str, ...]:
        """The presets whose trainings are of this cell: at k = 1 both bounds are the same."""
        if self.k > 1:
            return (self.preset,)
        return tuple(f"{self.family}-{self.layers}l-{bound}-k1" for bound in ("vae", "iwae"))

    def __str__(self) -> str:
        bound = "" if self.k == 1 else f" {self.bound.upper()}"
        return f"{self.layers}l{bound} k={self.k}"


@dataclass(frozen=True)
class SeedSpread:
    """How far apart trainings end that differ by their seed alone.

    Attributes:
        sd: The standard deviation of their NLLs in nats; 0 if no cell has two trainings.
        freedom: The degrees of freedom that it is estimated from; 0 if it is not known.
    """

    sd: float
    freedom: int

    @classmethod
    def of(cls, cells: Iterable[Sequence[float]]) -> Self:
        """Returns the deviation within cells, pooled over all of them, from the NLLs of each."""
        repeated = [nlls for nlls in cells if len(nlls) > 1]
        freedom = sum(len(nlls) - 1 for nlls in repeated)
        squares = sum((len(nlls) - 1) * statistics.variance(nlls) for nlls in repeated)
        return cls(math.sqrt(squares / freedom) if freedom else 0.0, freedom)

    def distance_error(self, trainings: int) -> float:
        """Returns the standard error of (mean NLL − published NLL) in nats, for that many trainings.

        Both numbers are of the same images, whose choice adds nothing. Both have a binarization of their own,
        and the published one is of one training.
        """
        return math.hypot(math.sqrt(2) * BINARIZATION_SD, self.sd * math.sqrt(1 / trainings + 1))
