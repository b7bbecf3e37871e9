"""2-D shapes with known factors, drawn by formulas, so that nothing needs to be downloaded."""

import math
from functools import cached_property
from typing import Literal, Protocol, Self

import numpy as np
from pydantic import Field, model_validator

from vaeline.core.params import BaseOptions
from vaeline.data.reading.dataset import DataSection, DataSet, Examples

SPRITE_SIDE = 64
GRID = {"shape": 3, "scale": 6, "orientation": 40, "x": 32, "y": 32}
RADIUS = 15.5
"""Pixels from the centre to the farthest point of a shape at scale 1: no shape is cut off anywhere."""
HEART = 1.43
"""A bound on the farthest point of the curve (x² + y² − 1)³ = x² y³ from the origin."""
DRAW_CHUNK = 256
"""Images drawn at a time: 16 KiB each for an array of coordinates, of which there are about ten."""
FEWEST_SPRITES = 100


class SpritesSection(DataSection, Protocol):
    """The options in `data:` that the sprites read."""

    @property
    def sprites(self) -> "Sprites.Options":
        """Options of `data.sprites`."""


class Sprites(DataSet):
    """A white square, ellipse or heart on black: each combination of the factors' values once.

    The grid is that of dSprites (Matthey et al. 2017): 3 shapes, 6 scales from 0.5 to 1, 40 orientations from
    0 to 2π including both ends, 32 positions along x and along y; 737,280 images of 64×64. The formulas are
    our own, so that single pixels differ from the published images. The options say how many evenly spaced
    values of each factor to use, whether every second pixel is left out, and which share of the grid is the
    test set, however the rest is split. The label is the shape.

    A small square or ellipse, rotated almost onto itself, can give the same image twice: this happens for 64
    pairs of the 11,520 images of the default grid.
    """

    options: SpritesSection
    name = "sprites"
    classes = ("square", "ellipse", "heart")

    class Options(BaseOptions):
        """Options of `data.sprites`: the values of each factor except the shape, the side, the test set."""

        scale: int = Field(6, ge=1, le=GRID["scale"])
        orientation: int = Field(10, ge=1, le=GRID["orientation"])
        x: int = Field(8, ge=1, le=GRID["x"])
        y: int = Field(8, ge=1, le=GRID["y"])
        side: Literal[32, 64] = 64
        test_share: float = Field(0.1, gt=0, lt=0.5)

        @model_validator(mode="after")
        def _enough(self) -> Self:
            if (images := GRID["shape"] * self.scale * self.orientation * self.x * self.y) < FEWEST_SPRITES:
                raise ValueError(
                    f"the factors' values should make at least {FEWEST_SPRITES} images, found {images}"
                )
            return self

    @property
    def factors(self) -> dict[str, int]:
        """Number of values of each factor."""
        chosen = self.options.sprites
        return {name: getattr(chosen, name, count) for name, count in GRID.items()}

    @property
    def train_size(self) -> int:
        """All images that are in neither valid nor test."""
        return len(self._order) - 2 * self.valid_size

    @property
    def valid_size(self) -> int:
        """As many images as in the test set."""
        return math.floor(self.options.sprites.test_share * len(self._order))

    def training(self) -> Examples:
        """Returns the images that are not in the test set, in a random order."""
        return self._examples(self._order[self.valid_size :])

    def test(self) -> Examples:
        """Returns `test_share` of the grid, drawn with a fixed seed."""
        return self._examples(self._order[: self.valid_size])

    @cached_property
    def _order(self) -> np.ndarray:
        # RandomState, not default_rng: only its stream is guaranteed not to change between versions of NumPy.
        return np.random.RandomState(0).permutation(math.prod(self.factors.values()))

    def _examples(self, places: np.ndarray) -> Examples:
        sizes = tuple(self.factors.values())
        factors = np.stack(np.unravel_index(places, sizes), axis=1).astype(np.int64)
        images = SpriteImages(factors, sizes, self.options.sprites.side)
        return Examples(images, factors[:, 0], factors)


class SpriteImages:
    """Images, uint8 [N, 1, side, side], of `factors` [N, 5], drawn when they are indexed.

    The side is 64, or one that divides it: of as many pixels of the drawing the first is taken.
    """

    dtype = np.dtype(np.uint8)
    ndim = 4

    def __init__(self, factors: np.ndarray, sizes: tuple[int, ...], side: int = SPRITE_SIDE) -> None:
        self._factors, self._sizes, self._step = factors, sizes, SPRITE_SIDE // side
        self.shape = (len(factors), 1, side, side)

    def __len__(self) -> int:
        return len(self._factors)

    def __getitem__(self, rows: np.ndarray | slice) -> np.ndarray:
        chosen = self._factors[rows]
        images = np.empty((len(chosen), *self.shape[1:]), np.uint8)
        for start in range(0, len(chosen), DRAW_CHUNK):
            chunk = slice(start, start + DRAW_CHUNK)
            values = factor_values(chosen[chunk], self._sizes)
            drawn = draw_sprites(chosen[chunk, 0], *values)
            images[chunk, 0] = drawn[:, :: self._step, :: self._step]
        return images


def factor_values(factors: np.ndarray, sizes: tuple[int, ...]) -> tuple[np.ndarray, ...]:
    """Returns scale, orientation (radians), x and y (pixels) of `factors` [N, 5] with `sizes` values each."""
    scale, orientation, x, y = (
        _of_grid(size, count, ends=name != "orientation")[indices]
        for (name, size), count, indices in list(zip(GRID.items(), sizes, factors.T, strict=True))[1:]
    )
    first = (SPRITE_SIDE - GRID["x"] + 1) / 2  # of positions one pixel apart, around the middle
    return 0.5 + scale / 10, orientation * 2 * math.pi / (GRID["orientation"] - 1), first + x, first + y


def _of_grid(size: int, count: int, ends: bool) -> np.ndarray:
    """Returns `count` of the indices 0 … size − 1, evenly spaced, including the last one if `ends` is set.

    The last orientation of the grid equals the first one, which only the whole grid repeats.
    """
    if ends:
        return np.linspace(0, size - 1, count).round()
    return np.arange(count) * size // count


def draw_sprites(
    shape: np.ndarray, scale: np.ndarray, orientation: np.ndarray, x: np.ndarray, y: np.ndarray
) -> np.ndarray:
    """Returns 255 where a pixel's centre is inside the shape and 0 elsewhere, uint8 [N, 64, 64]."""
    centres = (np.arange(SPRITE_SIDE) + 0.5).astype(np.float32)
    right = centres[None, None, :] - x.astype(np.float32)[:, None, None]
    up = y.astype(np.float32)[:, None, None] - centres[None, :, None]
    cosine, sine = (f(orientation).astype(np.float32)[:, None, None] for f in (np.cos, np.sin))
    unit = (scale * RADIUS).astype(np.float32)[:, None, None]
    u, v = (cosine * right + sine * up) / unit, (cosine * up - sine * right) / unit
    images = np.zeros((len(shape), SPRITE_SIDE, SPRITE_SIDE), np.uint8)
    for index, inside in enumerate((_square, _ellipse, _heart)):
        rows = shape == index
        images[rows] = 255 * inside(u[rows], v[rows])
    return images


def _square(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.maximum(abs(u), abs(v)) <= math.sqrt(0.5)


def _ellipse(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return u**2 + (2 * v) ** 2 <= 1


def _heart(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    u, v = HEART * u, HEART * v
    return (u**2 + v**2 - 1) ** 3 <= u**2 * v**3
