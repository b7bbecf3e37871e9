"""Sprites against areas and positions from formulas, and against the published grid."""

import math
import tracemalloc

import numpy as np
import pytest

from vaeline.core.errors import VaelineError
from vaeline.data.catalog import DATASETS
from vaeline.data.sets.sprites import RADIUS, SPRITE_SIDE, SpriteImages, draw_sprites, factor_values

WHOLE = {"scale": 6, "orientation": 40, "x": 32, "y": 32}
FULL = (3, 6, 40, 32, 32)
MIDDLE = SPRITE_SIDE / 2


def sprites(**options):
    return DATASETS.build({"name": "sprites", "sprites": options}, raw=None)


def drawn(shape: int, scale: float, angle: float, x: float = MIDDLE, y: float = MIDDLE) -> np.ndarray:
    return draw_sprites(np.array([shape]), *(np.array([v]) for v in (scale, angle, x, y)))[0]


def test_the_whole_grid_is_that_of_dsprites():
    """3 × 6 × 40 × 32 × 32 = 737,280; scales 0.5 … 1, angles 0 … 2π in 39 steps, positions a pixel apart."""
    whole = sprites(**WHOLE)
    assert tuple(whole.factors.values()) == FULL
    assert len(whole.training().values) + len(whole.test().values) == 737_280
    steps = np.stack([np.minimum(np.arange(40), n - 1) for n in FULL], axis=1)
    scale, angle, x, y = factor_values(steps, FULL)
    np.testing.assert_allclose(scale[:6], [0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
    np.testing.assert_allclose(angle, np.linspace(0, 2 * math.pi, 40))
    np.testing.assert_allclose(np.diff(x[:32]), 1)
    np.testing.assert_array_equal(x, y)
    assert x[0] + x[31] == SPRITE_SIDE


# Area of each shape at scale 1, in squared pixels: the square's diagonal and the ellipse's long axis are 2 R.
AREAS = {0: 2 * RADIUS**2, 1: math.pi * RADIUS**2 / 2}


@pytest.mark.parametrize("shape", AREAS)
@pytest.mark.parametrize("scale", [0.5, 1.0])
def test_areas_agree_with_formulas_at_every_orientation(shape, scale):
    angles = np.linspace(0.1, 6, 50)
    ones = np.ones(50)
    images = draw_sprites(shape * ones, scale * ones, angles, MIDDLE * ones, MIDDLE * ones)
    areas = (images == 255).sum((1, 2))
    assert areas.mean() == pytest.approx(AREAS[shape] * scale**2, rel=0.01)
    assert areas == pytest.approx(AREAS[shape] * scale**2, rel=0.1)


def test_images_are_black_and_white_and_no_shape_is_cut_off():
    """At the largest scale, the area is the same in the corners as in the middle."""
    dataset = sprites(scale=1, orientation=10, x=2, y=2)
    images = dataset.training().values[:]
    assert set(np.unique(images)) == {0, 255}
    for shape in range(3):
        for angle in np.linspace(0, 6, 13):
            areas = {
                (drawn(shape, 1.0, angle, x, y) > 0).sum() for x in (16.5, 32.5, 47.5) for y in (16.5, 47.5)
            }
            assert len(areas) == 1


def test_x_moves_a_shape_to_the_right_and_y_upwards():
    a, right, up = (drawn(2, 0.8, 0.3, 30.5 + dx, 30.5 - dy) for dx, dy in ((0, 0), (7, 0), (0, 5)))
    np.testing.assert_array_equal(np.roll(a, 7, axis=1), right)
    np.testing.assert_array_equal(np.roll(a, -5, axis=0), up)


def test_orientation_rotates_a_shape_anticlockwise():
    for shape in range(3):
        still = drawn(shape, 1.0, 0.0)
        np.testing.assert_array_equal(np.rot90(still), drawn(shape, 1.0, math.pi / 2))
    heart = drawn(2, 1.0, 0.0)
    np.testing.assert_array_equal(heart, heart[:, ::-1])
    upper, lower = (heart[: SPRITE_SIDE // 2] > 0).sum(), (heart[SPRITE_SIDE // 2 :] > 0).sum()
    assert upper > 1.2 * lower  # the tip is at the bottom


def test_only_small_symmetric_shapes_of_the_default_grid_have_equal_images():
    dataset = sprites()
    assert dataset.factors == {"shape": 3, "scale": 6, "orientation": 10, "x": 8, "y": 8}
    parts = dataset.training(), dataset.test()
    images, factors = (np.concatenate([p[i][:] for p in parts]) for i in (0, 2))
    assert len(images) == 11_520
    same: dict[bytes, list] = {}
    for image, factor in zip(np.packbits(images > 0, axis=-1), factors, strict=True):
        same.setdefault(image.tobytes(), []).append(factor)
    pairs = [np.array(rows) for rows in same.values() if len(rows) > 1]
    assert len(pairs) == 64
    for pair in pairs:
        shape, scale, *_ = pair[0]
        assert (shape < 2, scale) == (True, 0)
        assert (np.ptp(pair, axis=0) > 0).tolist() == [False, False, True, False, False]


def test_every_combination_occurs_once_and_the_test_set_does_not_depend_on_the_split():
    first, second = (DATASETS.build({"name": "sprites", "split_seed": seed}, raw=None) for seed in (0, 1))
    sizes = tuple(first.factors.values())
    places = [np.ravel_multi_index(part.factors.T, sizes) for part in (first.training(), first.test())]
    assert sorted(np.concatenate(places)) == list(range(11_520))
    np.testing.assert_array_equal(first.test().factors, second.test().factors)
    assert (first.train_size, first.valid_size, len(first.test().values)) == (9_216, 1_152, 1_152)
    assert (first.training().labels == first.training().factors[:, 0]).all()


def test_an_image_depends_on_its_factors_and_not_on_the_indexing():
    examples = sprites().training()
    rows = np.array([5000, 3, 700])
    alone = [
        drawn(f[0], *(v[0] for v in factor_values(f[None], (3, 6, 10, 8, 8)))) for f in examples.factors[rows]
    ]
    np.testing.assert_array_equal(examples.values[rows][:, 0], alone)
    np.testing.assert_array_equal(examples.values[3:4], examples.values[np.array([3])])


def test_side_of_32_has_every_second_pixel_of_the_same_images():
    whole, half = (sprites(x=2, y=2, side=side).training() for side in (64, 32))
    assert half.values.shape[1:] == (1, 32, 32)
    np.testing.assert_array_equal(half.values[:5], whole.values[:5][..., ::2, ::2])
    np.testing.assert_array_equal(half.factors, whole.factors)


def test_share_is_that_of_test_and_of_valid():
    dataset = sprites(orientation=1, x=16, y=6, test_share=0.2)
    assert (dataset.train_size, dataset.valid_size, len(dataset.test().values)) == (1_038, 345, 345)


def test_memory_stays_flat_while_many_images_are_drawn():
    """Images are drawn 256 at a time, with at most 40 MiB in addition to their own; all at once it is 117."""
    factors = np.zeros((1024, 5), np.int64)
    images = SpriteImages(factors, FULL)
    images[:1]
    tracemalloc.start()
    images[:]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1024 * SPRITE_SIDE**2 + 40 * 2**20


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"orientation": 41}, "data.sprites.orientation = 41 is not allowed"),
        ({"x": 0}, "data.sprites.x = 0 is not allowed"),
        ({"scale": 1, "orientation": 1, "x": 2, "y": 2}, "at least 100 images, found 12"),
        ({"shape": 2}, "unknown key 'data.sprites.shape'"),
        ({"side": 48}, "data.sprites.side = 48 is not allowed"),
        ({"test_share": 0.5}, "data.sprites.test_share = 0.5 is not allowed"),
    ],
    ids=str,
)
def test_a_wrong_option_is_a_one_line_error(options, line):
    with pytest.raises(VaelineError, match=line) as caught:
        sprites(**options)
    assert "\n" not in str(caught.value)
