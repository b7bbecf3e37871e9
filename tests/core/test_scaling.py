import numpy as np
import pytest
import torch
from pydantic import ValidationError

from vaeline.core.scaling import BYTES, SCALING, Range, Standardised

RNG = np.random.default_rng(0)
IMAGES = RNG.normal([[[[3.0]], [[-5.0]]]], [[[[0.1]], [[40.0]]]], (50, 2, 3, 5))
"""Two channels of different units."""


def standardised(values: np.ndarray) -> Standardised:
    columns = values.swapaxes(0, 1).reshape(values.shape[1], -1)
    statistics = {"mean": columns.mean(1), "std": columns.std(1)}
    statistics |= {"least": columns.min(1), "most": columns.max(1)}
    return Standardised(**{name: numbers.tolist() for name, numbers in statistics.items()})


SCALINGS = {
    "range": (Range(low=-200, high=200), IMAGES),
    "standardised": (standardised(IMAGES), IMAGES),
    "columns": (standardised(IMAGES[:, :, 0, 0]), IMAGES[:, :, 0, 0]),
}


@pytest.mark.parametrize("name", list(SCALINGS))
def test_the_units_of_the_data_are_restored(name):
    scaling, values = SCALINGS[name]
    stored = scaling.stored(values)
    assert stored.dtype == np.float32
    spread = values.std() * 1e-6
    np.testing.assert_allclose(scaling.original(stored.astype(np.float64)), values, atol=10 * spread)
    np.testing.assert_allclose(scaling.original(torch.from_numpy(stored)), values, atol=100 * spread)


def test_each_channel_has_mean_0_and_variance_1():
    stored = standardised(IMAGES).stored(IMAGES)
    np.testing.assert_allclose(stored.mean((0, 2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(stored.std((0, 2, 3)), 1, atol=1e-5)


def test_pictures_reach_from_the_least_to_the_most_of_each_channel():
    scaling = standardised(IMAGES)
    beyond = np.concatenate([IMAGES, IMAGES.mean(0, keepdims=True) + 1e4])
    picture = scaling.picture(scaling.stored(beyond))
    np.testing.assert_allclose(picture[:-1].min((0, 2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(picture[:-1].max((0, 2, 3)), 1, atol=1e-5)
    assert (picture[-1] == 1).all()


def test_only_values_in_a_range_are_bounded():
    values = torch.tensor([[-3.0, 0.5, 7.0]])
    assert Range(low=5, high=9).bounded(values).tolist() == [[0, 0.5, 1]]
    assert BYTES.bounded(values).tolist() == [[0, 0.5, 1]]
    assert standardised(RNG.normal(size=(9, 3))).bounded(values) is values


def test_levels_are_stored_as_they_are_and_restored():
    levels = np.arange(256, dtype=np.uint8).reshape(-1, 1, 16, 16)
    assert BYTES.stored(levels) is levels
    np.testing.assert_allclose(BYTES.original(BYTES.observed(levels)), levels, rtol=1e-6)
    np.testing.assert_allclose(BYTES.original(levels / 255), levels)


@pytest.mark.parametrize("name", list(SCALINGS))
def test_plain_values_give_the_same_scaling(name):
    scaling, _ = SCALINGS[name]
    assert SCALING.validate_python(scaling.model_dump()) == scaling


@pytest.mark.parametrize(
    "values",
    [
        {"kind": "other"},
        {"kind": "bytes", "low": 0.0},
        {"kind": "range", "low": 1.0, "high": 1.0},
        {"kind": "range", "low": 0.0, "high": float("inf")},
        {"kind": "standardised", "mean": [0.0], "std": [0.0], "least": [0.0], "most": [0.0]},
        {"kind": "standardised", "mean": [0.0, 1.0], "std": [1.0], "least": [0.0], "most": [0.0]},
    ],
    ids=str,
)
def test_values_that_are_no_scaling_are_rejected(values):
    with pytest.raises(ValidationError):
        SCALING.validate_python(values)
