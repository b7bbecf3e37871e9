"""The content of the plots of columns, read from the figures."""

import numpy as np
import pandas as pd
import pytest

from vaeline.evaluation.samples.columns import ColumnRows, column_scores
from vaeline.reporting.plots import columns

RNG = np.random.default_rng(0)
SHARED = RNG.normal(size=(300, 1))
REAL = np.hstack([SHARED, RNG.normal(size=(300, 4)), -SHARED, np.ones((300, 1))])
NAMES = ("left", "cost $x$ $y$", "b", "c", "d", "right", "flat")


def test_each_column_has_a_histogram_under_its_name_as_it_is():
    figure = columns.marginals(NAMES, REAL, REAL + 1, "title")
    shown = [axes for axes in figure.axes if axes.axison]
    assert [axes.get_title(loc="left") for axes in shown] == list(NAMES)
    assert not any(axes._left_title.get_parse_math() for axes in shown)  # a name is no formula
    low, high = shown[0].get_xlim()
    assert low < REAL[:, 0].mean() < high
    assert max(patch.get_height() for patch in shown[0].patches[: columns.HISTOGRAM_BINS]) > 0


def test_many_columns_are_cut_and_the_title_says_so():
    real = RNG.normal(size=(20, 30))
    figure = columns.marginals([f"x{j}" for j in range(30)], real, real, "title")
    assert figure.get_suptitle() == "title (the first 24 of 30 columns)"


def test_pairs_are_of_the_columns_that_depend_on_others_data_below_samples_above():
    figure = columns.pairs(NAMES, REAL, REAL + 1, "title")
    axes = np.reshape(figure.axes, (4, 4))
    labels = [row[0].get_ylabel() for row in axes]
    assert {"left", "right"} <= set(labels)
    first, last = labels.index("left"), labels.index("right")
    below, above = axes[last, first], axes[first, last]
    np.testing.assert_allclose(below.collections[0].get_offsets(), REAL[:, [0, 5]])
    np.testing.assert_allclose(above.collections[0].get_offsets(), REAL[:, [5, 0]] + 1)


@pytest.mark.parametrize("count", [1, 2])
def test_few_columns_have_all_plots(count):
    real = RNG.normal(size=(50, count))
    scores = column_scores(ColumnRows(NAMES[:count], real, real, real))
    figures = columns.column_figures(NAMES[:count], real, real, scores)
    assert set(figures) == {"marginals", "pairs", "column_errors"}
    for figure in figures.values():
        figure.canvas.draw()


def test_errors_are_ranked_and_constant_columns_left_out():
    scores = pd.DataFrame(
        {
            "column": ["a", "b", "flat"],
            "unexplained": [0.2, 0.9, np.nan],
            "unexplained_se": [0.1] * 3,
        }
    )
    (axes,) = columns.column_errors(scores).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b"]  # from below
    assert [patch.get_width() for patch in axes.patches] == [0.2, 0.9]
