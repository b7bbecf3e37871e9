import numpy as np
import pytest

from tests.support.sweeps import table
from vaeline.experiments.plots import frontier_figure, seeds_figure
from vaeline.experiments.studies.seeds import seed_statistics
from vaeline.experiments.tables import metric_columns

TABLE = table("beta", [0.5, 1.0, 4.0], [-100.0, -98.0, -110.0])


def bars(container) -> np.ndarray:
    """Returns the half length of each vertical error bar."""
    segments = container.lines[2][-1].get_segments()
    return np.array([(top - bottom) / 2 for (_, bottom), (_, top) in segments])


def test_the_plane_has_each_rate_and_distortion_with_its_errors_and_its_beta():
    plane = frontier_figure(TABLE).axes[0]
    (points,) = plane.containers
    np.testing.assert_array_equal(points.lines[0].get_xydata(), TABLE[["rate", "distortion"]])
    np.testing.assert_allclose(bars(points), 2 * 0.2)
    labels = {text.get_text(): text.xy for text in plane.texts if text.get_text().startswith("β")}
    assert labels == {"β = 0.5": (25.0, 75.0), "β = 1": (26.0, 72.0), "β = 4": (27.0, 83.0)}


def test_along_a_dashed_line_the_elbo_is_what_its_label_says():
    plane = frontier_figure(TABLE).axes[0]
    (lines,) = (c for c in plane.collections if hasattr(c, "levels"))
    checked = 0
    for level, path in zip(lines.levels, lines.get_paths(), strict=True):
        if len(path.vertices):
            np.testing.assert_allclose(-path.vertices.sum(axis=1), level, atol=1e-9)
            checked += 1
    assert checked >= 3
    assert lines.levels.min() <= -98 <= lines.levels.max()
    assert "ELBO −100" in {text.get_text() for text in plane.texts}


def test_bounds_distances_and_units_stand_over_beta():
    _, bounds, distances, units = frontier_figure(TABLE).axes
    curves = {c.get_label(): c.lines[0].get_ydata().tolist() for c in bounds.containers}
    assert curves == {"IWAE-100": [-95.0, -93.0, -105.0], "ELBO": [-100.0, -98.0, -110.0]}
    (distance,) = distances.containers
    np.testing.assert_allclose(bars(distance), 2 * 0.35)
    floor = next(line for line in distances.lines if line.get_label() == "classifier, real against real")
    assert set(floor.get_ydata()) == {0.4318}
    assert units.containers[0].lines[0].get_ydata().tolist() == [19, 19, 19]
    assert [label.get_text() for label in units.get_xticklabels()] == ["0.5", "1", "4"]


def test_inceptions_distance_is_shown_where_it_was_computed():
    computed = TABLE.assign(fid=[20.0, 21.0, 22.0], fid_se=0.5, fid_floor=2.0)
    labels = {text.get_text() for text in frontier_figure(computed).axes[2].get_legend().get_texts()}
    assert {"Inception", "Inception, real against real", "classifier"} <= labels


@pytest.mark.filterwarnings("error")
def test_a_single_experiment_has_a_picture():
    assert len(frontier_figure(TABLE[:1]).axes) == 4
    rows = table("seed", [1], [-98.0])
    assert seeds_figure(rows, seed_statistics(rows), metric_columns(rows)).axes


def test_the_band_over_seeds_is_one_deviation_over_trainings_to_each_side():
    rows = table("seed", [1, 2, 3], [-98.0, -97.0, -99.0])
    fig = seeds_figure(rows, seed_statistics(rows), metric_columns(rows))
    elbo = next(axes for axes in fig.axes if axes.get_title(loc="left") == "ELBO, test")
    (band,) = elbo.patches
    assert band.get_y() == pytest.approx(-99.0)
    assert band.get_height() == pytest.approx(2.0)
    (points,) = elbo.containers
    assert points.lines[0].get_ydata().tolist() == [-98.0, -97.0, -99.0]
    np.testing.assert_allclose(bars(points), 2 * 0.3)
