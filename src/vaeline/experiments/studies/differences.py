"""Differences between cells of table 1: measured on the same test images, beside the published ones."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vaeline.evaluation.estimators.estimate import Estimate
from vaeline.experiments.studies.cells import Cell, SeedSpread

RESOLVED = 2  # standard errors beyond which a difference counts
KS = (1, 5, 50)
LAYERS = (1, 2)
CELL_BOUNDS = ("vae", "iwae")


@dataclass(frozen=True)
class CellDifference:
    """NLL of the cell `end` minus that of the cell `start`, in nats.

    Attributes:
        start: The cell that is compared with.
        end: The other cell.
        published: The difference of the two published numbers.
        measured: The mean difference over images, with its paired standard error.
        trainings: How many of each cell it is an average over.
        seeds: How far apart trainings of one cell end.
    """

    start: Cell
    end: Cell
    published: float
    measured: Estimate
    trainings: tuple[int, int]
    seeds: SeedSpread

    @property
    def error(self) -> float:
        """The standard error of `measured` over images and seeds."""
        return math.hypot(self.measured.se, self.seeds.sd * math.sqrt(sum(1 / n for n in self.trainings)))

    @property
    def distance(self) -> float:
        """`measured` minus `published`."""
        return self.measured.mean - self.published

    @property
    def distance_error(self) -> float:
        """The standard error of `distance`.

        The published difference is of one training of each cell, on a binarization of its own. The images are
        the same, so that the paired error over them is an upper limit of what a binarization adds to either.
        """
        of_seeds = self.seeds.sd * math.sqrt(sum(1 / n + 1 for n in self.trainings))
        return math.hypot(math.sqrt(2) * self.measured.se, of_seeds)

    @property
    def sign(self) -> str:
        """Whether the difference has the published sign, if it is resolved."""
        if abs(self.measured.mean) <= RESOLVED * self.error:
            return "not resolved"
        return "as published" if self.measured.mean * self.published > 0 else "opposite"

    @property
    def agrees(self) -> bool:
        """Whether the published difference is within two standard errors."""
        return abs(self.distance) <= RESOLVED * self.distance_error


def compared_cells(family: str) -> Iterator[tuple[Cell, Cell]]:
    """Yields the pairs of cells that are compared: more draws, the other bound, and one more layer."""
    for layers in LAYERS:
        for bound in CELL_BOUNDS:
            one, five, fifty = (_cell(family, layers, k, bound) for k in KS)
            yield from ((one, five), (five, fifty), (one, fifty))
    for layers in LAYERS:
        yield from ((_cell(family, layers, k, "vae"), _cell(family, layers, k, "iwae")) for k in KS[1:])
    for k in KS:
        for bound in CELL_BOUNDS if k > 1 else CELL_BOUNDS[:1]:
            yield _cell(family, 1, k, bound), _cell(family, 2, k, bound)


def cell_differences(
    family: str,
    published: Callable[[Cell], float],
    bounds: Mapping[Cell, Sequence[Tensor]],
    seeds: SeedSpread,
) -> list[CellDifference]:
    """Returns the differences between those cells of `family` that have bounds of their images.

    Args:
        family: The family of presets.
        published: Returns the published NLL of a cell, in nats.
        bounds: IWAE-K of each image for each training of a cell, [N] each, of the same images.
        seeds: How far apart trainings of one cell end.
    """
    differences = []
    for start, end in compared_cells(family):
        before, after = bounds.get(start), bounds.get(end)
        if before and after:
            paired = torch.stack(list(before)).mean(0) - torch.stack(list(after)).mean(0)
            gap = published(end) - published(start)
            counts = len(before), len(after)
            differences.append(CellDifference(start, end, gap, Estimate.of(paired), counts, seeds))
    return differences


def _cell(family: str, layers: int, k: int, bound: str) -> Cell:
    """Returns a cell; at k = 1, where both bounds are the same, the VAE's."""
    return Cell(family, layers, k, "vae" if k == 1 else bound)
