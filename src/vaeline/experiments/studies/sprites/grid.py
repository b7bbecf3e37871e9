"""The grid: each method with the weights that it is tried at, and the seeds of each."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vaeline.core.errors import VaelineError

SEEDS = (1, 2, 3, 4, 5)


@dataclass(frozen=True)
class Method:
    """An objective, and the weight in it that should disentangle.

    Attributes:
        name: What the command and the records call it.
        title: What the page calls it, after its paper.
        symbol: The weight in the paper's notation.
        keys: The params that the weight is the value of, dotted.
        weights: The values to try, in rising order.
        fixed: What else it changes in the params, with dotted keys.
    """

    name: str
    title: str
    symbol: str
    keys: tuple[str, ...]
    weights: tuple[float, ...]
    fixed: Mapping[str, Any] = field(default_factory=dict)

    def changes(self, weight: float) -> dict[str, Any]:
        """Returns what it changes in the params at that weight."""
        return {**self.fixed, **dict.fromkeys(self.keys, weight)}


GRID_METHODS = (
    Method("beta-vae", "β-VAE (Higgins et al. 2017)", "β", ("beta",), (1, 2, 4, 8, 16, 24, 32, 48, 64)),
    Method(
        "beta-tcvae", "β-TCVAE (Chen et al. 2018)", "β", ("beta",), (8, 16, 32, 64),
        {"objective.name": "beta_tc"},
    ),
    Method(
        "factor-vae", "FactorVAE (Kim & Mnih 2018)", "γ", ("objective.factor.gamma",), (8, 16, 32, 64),
        {"objective.name": "factor"},
    ),
    Method(
        "dip-vae", "DIP-VAE-II (Kumar et al. 2018)", "λ",
        ("objective.dip.off_diagonal", "objective.dip.diagonal"), (10, 100, 1000, 3000, 10000),
        {"objective.name": "dip"},
    ),
)  # fmt: skip
"""The first at weight 1 is the plain VAE."""


@dataclass(frozen=True)
class GridCell:
    """One training of the grid."""

    method: Method
    weight: float
    seed: int

    @property
    def key(self) -> tuple[str, float, int]:
        """What tells it from all others."""
        return self.method.name, float(self.weight), self.seed

    @property
    def changes(self) -> dict[str, Any]:
        """What it changes in the preset's params, with dotted keys."""
        return {**self.method.changes(self.weight), "seed": self.seed}


def chosen_methods(names: Sequence[str]) -> list[Method]:
    """Returns the methods of these names; all if there are none.

    Raises:
        VaelineError: If a name is unknown.
    """
    known = {method.name: method for method in GRID_METHODS}
    if unknown := [name for name in names if name not in known]:
        raise VaelineError(f"there is no '{unknown[0]}': {' '.join(known)}")
    return [known[name] for name in names] or list(GRID_METHODS)


def grid_cells(methods: Sequence[Method]) -> Iterator[GridCell]:
    """Yields the cells of the methods, seed by seed, so that a part of them already has every weight."""
    for seed in SEEDS:
        for method in methods:
            yield from (GridCell(method, weight, seed) for weight in method.weights)
