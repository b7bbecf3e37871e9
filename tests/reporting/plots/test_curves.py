import numpy as np
import pandas as pd
import pytest

from vaeline.reporting.plots.curves import bounds_over_k, kl_per_dimension, latent_map, training_curves
from vaeline.reporting.plots.palette import PALETTE
from vaeline.reporting.plots.style import figure


def test_training_curves_have_each_column_of_the_history():
    columns = [f"{split}_{name}" for name in ("loss", "recon", "kl") for split in ("train", "valid")]
    history = pd.DataFrame({"epoch": [1, 2, 3]} | {c: [i + 0.5, i, i - 1] for i, c in enumerate(columns)})
    lines = [line for axes in training_curves(history).axes for line in axes.lines]
    assert [line.get_label() for line in lines] == ["train", "valid"] * 3
    for line, column in zip(lines, columns, strict=True):
        assert line.get_xdata().tolist() == [1, 2, 3]
        assert line.get_ydata().tolist() == history[column].tolist()


def test_validation_curve_is_a_line_through_the_epochs_that_have_one():
    columns = [f"{split}_{name}" for name in ("loss", "recon", "kl") for split in ("train", "valid")]
    history = pd.DataFrame(
        {"epoch": [1, 2, 3]} | {c: [3.0, np.nan if "valid" in c else 2.0, 1.0] for c in columns}
    )
    for axes in training_curves(history).axes:
        train, valid = axes.lines
        assert train.get_xdata().tolist() == [1, 2, 3]
        assert valid.get_xdata().tolist() == [1, 3]
        assert valid.get_ydata().tolist() == [3.0, 1.0]


def test_bars_are_the_kl_of_each_dimension_and_grey_below_the_threshold():
    table = pd.DataFrame({"dimension": [2, 0, 1], "kl": [3.0, 0.5, 0.05]})
    (axes,) = kl_per_dimension(table, 0.1).axes
    assert [bar.get_height() for bar in axes.patches] == [3.0, 0.5, 0.05]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["2", "0", "1"]
    colours = [bar.get_facecolor() for bar in axes.patches]
    assert colours[0] == colours[1] != colours[2]
    assert axes.lines[0].get_ydata()[0] == 0.1
    assert axes.get_title(loc="left") == "2 of 3 latent dimensions carry more than 0.1 nats"


def test_title_says_that_the_kl_is_not_a_sum_over_dimensions():
    table = pd.DataFrame({"dimension": [0, 1], "kl": [np.nan, np.nan]})
    (axes,) = kl_per_dimension(table, 0.1).axes
    assert axes.get_title(loc="left") == "This KL is not a sum over dimensions"


def test_not_every_one_of_a_hundred_bars_is_labelled():
    table = pd.DataFrame({"dimension": range(100), "kl": np.linspace(2, 0, 100)})
    (axes,) = kl_per_dimension(table, 0.1).axes
    assert len(axes.patches) == 100
    assert len(axes.get_xticklabels()) <= 26


def test_band_is_two_standard_errors_wide():
    curve = pd.DataFrame({"k": [1, 10, 100], "iwae": [-100.0, -98.0, -97.0], "se": [0.5, 0.4, 0.3]})
    (axes,) = bounds_over_k(curve).axes
    assert axes.lines[0].get_ydata().tolist() == [-100.0, -98.0, -97.0]
    assert axes.get_xscale() == "log"
    assert [label.get_text() for label in axes.get_xticklabels()] == ["1", "10", "100"]
    corners = axes.collections[0].get_paths()[0].vertices
    for k, mean, se in curve.itertuples(index=False):
        heights = corners[corners[:, 0] == k][:, 1]
        np.testing.assert_allclose([heights.min(), heights.max()], [mean - 2 * se, mean + 2 * se])


def test_each_class_has_a_colour_and_its_name_at_its_median():
    points = np.array([[0.0, 0], [1, 1], [2, 5], [10, 10], [12, 12]])
    (axes,) = latent_map(points, np.array([0, 0, 0, 1, 1]), ("a", "b"), ("x", "y")).axes
    assert [text.get_text() for text in axes.texts] == ["a", "b"]
    assert [tuple(text.xy) for text in axes.texts] == [(1.0, 1.0), (11.0, 11.0)]
    colours = {tuple(c.get_facecolor()[0]) for c in axes.collections}
    assert len(colours) == 2


@pytest.mark.filterwarnings("error")
def test_class_without_points_is_left_out():
    """A small validation split need not hold every class."""
    points = np.array([[0.0, 0], [1, 1]])
    (axes,) = latent_map(points, np.array([0, 0]), ("a", "b"), ("x", "y")).axes
    assert [text.get_text() for text in axes.texts] == ["a"]


def test_ten_classes_have_ten_colours():
    assert len(set(PALETTE)) == 10


def test_figure_needs_no_display():
    assert figure(3.0, 2.0).get_size_inches().tolist() == [3.0, 2.0]
    assert type(figure().canvas).__name__ == "FigureCanvasBase"
