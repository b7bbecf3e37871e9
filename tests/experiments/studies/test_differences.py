"""Paired differences between cells, on made-up bounds whose differences are known."""

import math

import pytest
import torch

from vaeline.evaluation.estimators.estimate import Estimate
from vaeline.experiments.studies.cells import Cell, SeedSpread
from vaeline.experiments.studies.difference_figure import difference_figure
from vaeline.experiments.studies.differences import CellDifference, cell_differences, compared_cells

N = 10_000
SEEDS = SeedSpread(0.05, 6)
VAE1, VAE5, VAE50 = (Cell("fast", 1, k, "vae") for k in (1, 5, 50))
IWAE50 = Cell("fast", 1, 50, "iwae")
PUBLISHED = {VAE1: 86.76, VAE5: 86.47, VAE50: 86.35, IWAE50: 84.78}


def images():
    """Bounds as hard as MNIST's: a deviation of 23 nats over images, far more than any cell differs by."""
    return -86.0 + 23 * torch.randn(N, generator=torch.Generator().manual_seed(0)).double()


def one_cell(nll_gain, seed, noise=3.0):
    """Returns the images' bounds, higher by `nll_gain` on average, and with `noise` of a training's own."""
    own = torch.randn(N, generator=torch.Generator().manual_seed(seed)).double()
    return images() + nll_gain + noise * (own - own.mean())


def difference(start, end, bounds, seeds=SEEDS):
    (found,) = [
        d
        for d in cell_differences("fast", PUBLISHED.__getitem__, bounds, seeds)
        if (d.start, d.end) == (start, end)
    ]
    return found


def test_difference_is_paired_over_images():
    bounds = {VAE1: [one_cell(0.0, 1)], VAE5: [one_cell(0.29, 2)]}
    gain = difference(VAE1, VAE5, bounds, SeedSpread(0.0, 0))
    assert gain.measured.mean == pytest.approx(-0.29)
    assert gain.measured.se == pytest.approx(3 * math.sqrt(2) / 100, rel=0.03)
    assert gain.error == gain.measured.se
    assert gain.distance == pytest.approx(0.0, abs=1e-9)
    assert (gain.sign, gain.agrees) == ("as published", True)


def test_trainings_of_a_cell_are_averaged_image_by_image():
    bounds = {VAE1: [one_cell(0.1, 1), one_cell(-0.1, 2)], VAE5: [one_cell(0.29, 3)]}
    gain = difference(VAE1, VAE5, bounds, SeedSpread(0.1, 1))
    assert (gain.measured.mean, gain.trainings) == (pytest.approx(-0.29), (2, 1))
    assert gain.measured.se == pytest.approx(3 * math.sqrt(1.5) / 100, rel=0.03)
    assert gain.error == pytest.approx(math.hypot(gain.measured.se, 0.1 * math.sqrt(1.5)))
    assert gain.distance_error == pytest.approx(
        math.sqrt(2 * gain.measured.se**2 + 0.1**2 * (1 / 2 + 1 + 1 + 1))
    )


@pytest.mark.parametrize(("end", "gap"), [(VAE50, -0.41), (IWAE50, -1.98)])
def test_training_with_one_draw_does_not_pass_for_one_with_fifty(end, gap):
    """Its NLL is within the tolerance of 0.3 nats of the VAE's published one; the difference is not."""
    passed_off = difference(VAE1, VAE50, {VAE1: [one_cell(0.0, 1)], VAE50: [one_cell(0.0, 2)]})
    assert (passed_off.sign, passed_off.agrees) == ("not resolved", False)
    bounds = {VAE1: [one_cell(0.0, 1)], VAE50: [one_cell(0.41, 2)], IWAE50: [one_cell(1.98, 3)]}
    if end is IWAE50:
        bounds |= {VAE50: [one_cell(0.0, 2)]}
    real = CellDifference(
        VAE1, end, gap, Estimate.of(bounds[VAE1][0] - bounds[end][0]), (1, 1), SeedSpread(0.05, 6)
    )
    assert (real.sign, real.agrees) == ("as published", True)


@pytest.mark.parametrize(
    ("measured", "sign", "agrees"),
    [
        (-0.5, "as published", True),
        (0.5, "opposite", False),
        (-0.19, "not resolved", False),
        (-2.0, "as published", False),
    ],
)
def test_verdict_is_by_two_errors(measured, sign, agrees):
    given = CellDifference(VAE1, VAE5, -0.6, Estimate(measured, 0.1), (1, 1), SeedSpread(0.0, 0))
    assert (given.sign, given.agrees) == (sign, agrees)


def test_cells_are_compared_by_draws_bound_and_layers_and_each_once():
    pairs = [(str(start), str(end)) for start, end in compared_cells("fast")]
    assert len(pairs) == len(set(pairs)) == 12 + 4 + 5
    assert ("1l k=1", "1l IWAE k=5") in pairs
    assert ("1l VAE k=50", "1l IWAE k=50") in pairs
    assert ("1l IWAE k=50", "2l IWAE k=50") in pairs
    assert ("1l k=1", "2l k=1") in pairs


def test_cell_without_bounds_has_no_difference():
    assert (
        cell_differences("fast", PUBLISHED.__getitem__, {VAE1: [images()], VAE5: []}, SeedSpread(0.0, 0))
        == []
    )


def test_picture_has_a_point_for_each_difference():
    given = CellDifference(VAE1, VAE5, -0.29, Estimate(-0.2, 0.03), (1, 1), SeedSpread(0.05, 6))
    (axes,) = difference_figure({"burda": [], "fast": [given]}).axes
    (points,) = axes.containers
    assert points.lines[0].get_xydata().tolist() == [[-0.29, -0.2]]
    low, high = points.lines[1][0].get_ydata()[0], points.lines[1][1].get_ydata()[0]
    assert (high - low) / 2 == pytest.approx(2 * given.distance_error)
