import numpy as np
import pytest
import torch
from scipy import stats

from tests.support.small import vae
from vaeline.core.scaling import Standardised
from vaeline.evaluation.samples.columns import COLUMN_MEASURES, ColumnRows, column_scores
from vaeline.models.catalog import MODELS

RNG = np.random.default_rng(0)
REAL = RNG.normal([0, 100], [1, 20], (500, 2))


def test_scores_are_in_the_units_of_each_column():
    drawn = RNG.normal([0, 130], [1, 20], (2000, 2))
    scores = column_scores(ColumnRows(("a", "b"), REAL, REAL + np.array([0.5, 10]), drawn)).set_index(
        "column"
    )
    np.testing.assert_allclose(scores["mean"], REAL.mean(0))
    np.testing.assert_allclose(scores["rmse"], [0.5, 10])
    np.testing.assert_allclose(scores["unexplained"], [0.25 / REAL[:, 0].var(), 100 / REAL[:, 1].var()])
    assert scores["ks_p"]["a"] > 1e-3
    # Two normal distributions whose means are 1.5 standard deviations apart: 2Φ(0.75) − 1.
    assert scores["ks"]["b"] == pytest.approx(2 * stats.norm.cdf(0.75) - 1, abs=0.08)
    assert scores["ks_p"]["b"] < 1e-9


def test_a_constant_column_has_no_variance_to_explain():
    real = np.column_stack([REAL[:, 0], np.full(500, 7.0)])
    scores = column_scores(ColumnRows(("a", "flat"), real, real, real))
    assert scores["unexplained"].isna().tolist() == [False, True]
    assert scores["rmse"].tolist() == [0, 0]


def test_images_have_the_names_of_the_measures_alone():
    table = column_scores(None)
    assert (tuple(table.columns), len(table)) == (COLUMN_MEASURES, 0)


@pytest.mark.parametrize("name", list(MODELS))
def test_every_model_has_rows_in_the_units_of_the_data(name):
    scaling = Standardised(mean=[5.0, 100.0], std=[1.0, 20.0], least=[0.0, 0.0], most=[9.0, 200.0])
    model = vae((2,), model={"name": name}, likelihood={"name": "gaussian"}).eval()
    model.scaling = scaling
    real = REAL + np.array([5, 0])
    rows = torch.from_numpy(scaling.stored(real))
    result = ColumnRows.of_model(model, ("a", "b"), rows)
    np.testing.assert_allclose(result.real, real, rtol=1e-4, atol=1e-4)
    assert result.rebuilt.shape == REAL.shape
    assert result.drawn.shape == (2000, 2)
    assert np.isfinite(result.drawn).all()
