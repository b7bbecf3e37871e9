"""Information between drawn z and factors, against closed forms and quadrature."""

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from vaeline.evaluation.disentanglement.information import BINS, mig
from vaeline.evaluation.disentanglement.sampled import mig_sampled, sampled_information

FACTORS = np.stack(np.unravel_index(np.tile(np.arange(15), 4), (3, 5)), axis=1).astype(np.int64)


def rng():
    return np.random.default_rng(5)


def sampled(mean, variance, factors=FACTORS):
    return mig_sampled(np.asarray(mean, float), np.full(np.shape(mean), float(variance)), factors, rng())


def test_perfect_code_scores_one_and_a_collapsed_one_nothing():
    assert sampled(FACTORS, 1e-3) == pytest.approx(1, abs=1e-6)
    assert sampled(FACTORS * 0, 1) == pytest.approx(0, abs=1e-9)


def test_perfect_code_in_two_dimensions_has_no_gap():
    assert sampled(FACTORS[:, [0, 0, 1, 1]], 1e-3) == pytest.approx(0, abs=1e-6)


def test_single_dimension_has_its_information_as_gap():
    assert sampled(FACTORS[:, :1], 1e-3, FACTORS[:, :1]) == pytest.approx(1, abs=1e-6)


def test_information_of_a_bit_in_gaussian_noise():
    """z = ±1 + noise of σ = 1: I(z; bit) = H(z) − H(noise), by quadrature."""

    def negative_log(z):
        density = 0.5 * (norm.pdf(z, -1) + norm.pdf(z, 1))
        return -density * math.log(density)

    expected = quad(negative_log, -9, 9)[0] - 0.5 * math.log(2 * math.pi * math.e)
    bit = np.repeat([0, 1], 30)[:, None]
    information = sampled_information(2.0 * bit - 1, np.ones(bit.shape), bit, rng())
    assert information[0, 0] == pytest.approx(expected, abs=4 * 0.7 / 100)  # four errors of 10,000 draws


def test_wide_posteriors_lower_what_is_drawn_and_not_the_means():
    narrow, wide = (sampled(FACTORS, variance) for variance in (0.01, 1.0))
    assert wide < 0.5 < narrow
    assert mig(FACTORS.astype(float), FACTORS) == pytest.approx(1)


def test_factor_that_does_not_vary_is_left_out():
    constant = np.zeros_like(FACTORS[:, :1])
    assert sampled(FACTORS, 0.01, np.concatenate([FACTORS, constant], axis=1)) == sampled(FACTORS, 0.01)
    assert math.isnan(sampled(FACTORS, 0.01, constant))


def test_bins_of_the_means_are_twenty():
    """A factor of forty values shares a bin with its neighbour: ln 20 of ln 40 nats are left."""
    values = np.tile(np.arange(40), 3)[:, None]
    assert BINS == 20
    assert mig(values.astype(float), values) == pytest.approx(math.log(20) / math.log(40))
