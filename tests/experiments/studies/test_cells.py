"""Cells of table 1, and the errors of a distance to a published number."""

import math

import pytest

from vaeline.experiments.studies.cells import BINARIZATION_SD, Cell, SeedSpread


def test_preset_is_a_cell_and_its_name_is_the_presets():
    cell = Cell.of("fast-2l-iwae-k50")
    assert cell == Cell("fast", 2, 50, "iwae")
    assert (cell.preset, cell.presets, str(cell)) == (
        "fast-2l-iwae-k50",
        ("fast-2l-iwae-k50",),
        "2l IWAE k=50",
    )
    assert Cell.of("zoo-vae") is None


def test_both_bounds_of_one_draw_are_one_cell():
    assert Cell("burda", 1, 1, "vae").presets == ("burda-1l-vae-k1", "burda-1l-iwae-k1")
    assert str(Cell("burda", 1, 1, "vae")) == "1l k=1"


def test_seed_spread_is_pooled_within_cells():
    """Variances 0.02 (of two) and 0.01 (of three) pool to (0.02 + 2 · 0.01) / 3; one training adds none."""
    spread = SeedSpread.of([[86.0, 86.2], [84.0, 84.1, 84.2], [90.0]])
    assert (spread.sd, spread.freedom) == (pytest.approx(math.sqrt(0.04 / 3)), 3)
    assert SeedSpread.of([[86.0], []]) == SeedSpread(0.0, 0)


def test_distance_has_two_binarizations_and_the_seeds_of_both_sides():
    assert SeedSpread(0.0, 0).distance_error(1) == pytest.approx(BINARIZATION_SD * math.sqrt(2))
    assert SeedSpread(0.1, 3).distance_error(2) == pytest.approx(
        math.sqrt(2 * BINARIZATION_SD**2 + 0.01 * 1.5)
    )
