"""Trends of curves whose shape is known."""

import math

import numpy as np
import pytest
from scipy.stats import norm

from vaeline.diagnosis.finding import SURE
from vaeline.evaluation.trends import LATE, SMOOTHED, elbo_trend, epoch_noise, unsteadiness

DIMENSIONS = 784
BIT = math.log(2) * DIMENSIONS  # nats an image for one bit a dimension


def curve(shape, epochs: int) -> list[float]:
    """Returns `shape` in bits per dimension at each epoch, as nats an image."""
    return [BIT * shape(epoch) for epoch in range(1, epochs + 1)]


def noisy(sd: float, epochs: int, seed: int, shape=lambda _: -0.2) -> list[float]:
    noise = np.random.default_rng(seed).normal(0, sd, epochs)
    return [BIT * (shape(t) + e) for t, e in zip(range(1, epochs + 1), noise, strict=True)]


@pytest.mark.parametrize("epochs", [0, 1])
def test_fewer_than_two_epochs_have_no_trend(epochs):
    assert elbo_trend(curve(lambda _: -0.2, epochs), DIMENSIONS) == {}


@pytest.mark.parametrize(("epochs", "gain"), [(2, LATE * 0.1), (3, LATE * 0.2), (5, LATE * 0.4)])
def test_the_last_quarter_of_a_few_epochs_is_a_fraction_of_a_step(epochs, gain):
    trend = elbo_trend(curve(lambda t: 0.1 * t, epochs), DIMENSIONS)
    assert trend["late_gain"] == pytest.approx(gain)
    assert trend["late_gain_se"] == pytest.approx(0.0, abs=1e-12)
    assert trend["decline"] == 0.0


@pytest.mark.parametrize("epochs", [10, 30, 33, 100, 400])
def test_a_linear_rise_gains_a_quarter_of_itself(epochs):
    trend = elbo_trend(curve(lambda t: 0.001 * t, epochs), DIMENSIONS)
    assert trend["late_gain"] == pytest.approx(LATE * 0.001 * (epochs - 1))
    assert trend["late_gain_se"] == pytest.approx(0.0, abs=1e-12)
    assert trend["decline"] == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("epochs", [20, 60, 400])
def test_a_curve_that_levels_off_has_the_gain_of_its_formula(epochs):
    """a − b/t gains b/3T from 3/4 T to T; both ends are averages over the tenth before them."""
    trend = elbo_trend(curve(lambda t: 1 - 0.5 / t, epochs), DIMENSIONS)
    width = round(epochs / SMOOTHED)
    before = epochs - LATE * (epochs - 1)
    ends = [np.mean([1 - 0.5 / (end - i) for i in range(width)]) for end in (before, epochs)]
    assert trend["late_gain"] == pytest.approx(ends[1] - ends[0], rel=0.02)
    assert trend["late_gain"] == pytest.approx(0.5 / (3 * epochs), rel=0.25)
    assert trend["late_gain_se"] < 0.1 * trend["late_gain"]
    assert trend["decline"] == 0.0


def test_a_fall_after_the_best_is_a_decline_and_takes_from_the_gain():
    """It rises until epoch 50 of 100, and falls at the same rate."""
    trend = elbo_trend(curve(lambda t: -0.002 * abs(t - 50), 100), DIMENSIONS)
    smooth = [np.mean([-0.002 * abs(end - i - 50) for i in range(10)]) for end in range(10, 101)]
    assert trend["decline"] == pytest.approx(max(smooth) - smooth[-1])
    assert trend["decline"] == pytest.approx(0.002 * 43, rel=0.01)
    assert trend["late_gain"] == pytest.approx(-LATE * 0.002 * 99 - trend["decline"])


def test_a_single_high_epoch_hardly_counts_as_a_best():
    flat = curve(lambda t: 0.03 if t == 40 else 0.0, 100)
    assert elbo_trend(flat, DIMENSIONS)["decline"] == pytest.approx(0.003)


@pytest.mark.parametrize("slope", [0.0, 1e-3])
@pytest.mark.parametrize("sd", [1e-4, 2e-3])
def test_epoch_noise_is_that_of_the_noise_for_any_slope(sd, slope):
    measured = [epoch_noise(np.array(noisy(sd, 400, s, lambda t: slope * t))) / BIT for s in range(20)]
    assert np.mean(measured) == pytest.approx(sd, rel=0.05)


@pytest.mark.parametrize("epochs", [20, 30, 100])
def test_the_error_of_a_gain_is_that_over_repeated_trainings(epochs):
    """On a rise so steep that the end is the best, whose gain is known."""
    steep = [elbo_trend(noisy(1e-3, epochs, s, lambda t: 0.01 * t), DIMENSIONS) for s in range(300)]
    gains, errors = (np.array([trend[name] for trend in steep]) for name in ("late_gain", "late_gain_se"))
    assert gains.mean() == pytest.approx(LATE * 0.01 * (epochs - 1), abs=4 * gains.std() / 300**0.5)
    assert 0.75 < gains.std() / errors.mean() < 1.25


@pytest.mark.parametrize("epochs", [20, 100])
def test_a_curve_that_only_fluctuates_gains_nothing(epochs):
    flat = [elbo_trend(noisy(0.02, epochs, seed), DIMENSIONS) for seed in range(300)]
    sure = [norm.cdf((trend["late_gain"] - 0.005) / trend["late_gain_se"]) for trend in flat]
    assert np.mean(np.array(sure) >= SURE) < 1 - SURE


def test_a_single_outlier_hardly_changes_the_epoch_noise():
    values = np.array(noisy(1e-3, 100, 0))
    plain = epoch_noise(values)
    values[70] -= BIT
    assert epoch_noise(values) == pytest.approx(plain, rel=0.3)


@pytest.mark.parametrize("epochs", [2, 3])
def test_fewer_than_four_epochs_have_no_epoch_noise(epochs):
    assert elbo_trend(noisy(1.0, epochs, 0), DIMENSIONS)["late_gain_se"] == 0.0
    assert elbo_trend(noisy(1.0, 4, 0), DIMENSIONS)["late_gain_se"] > 0.0


def test_trends_are_in_bits_per_dimension():
    elbo = noisy(1e-3, 30, 0, lambda t: 0.001 * t)
    small, large = elbo_trend(elbo, DIMENSIONS), elbo_trend(elbo, 3 * DIMENSIONS)
    assert {name: 3 * value for name, value in large.items()} == pytest.approx(small)


def test_unsteadiness_has_the_share_of_steps_with_a_spike():
    assert unsteadiness(3, 5, 12.5, 200) == {
        "skipped_updates": 3,
        "spike_share": 0.025,
        "largest_variance": 12.5,
    }
    assert unsteadiness(0, 0, 0.0, 0)["spike_share"] == 0.0
