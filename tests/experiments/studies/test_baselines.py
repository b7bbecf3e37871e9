"""What images cost without a VAE: closed forms of data whose distribution is known."""

import io

import numpy as np
import pytest
from PIL import Image
from scipy.stats import multivariate_normal, truncexpon

from vaeline.experiments.studies.baselines import (
    GaussianBits,
    continuous_bernoulli_bits,
    file_bits,
    independent_bits,
)


def correlated_images(count: int, seed: int) -> np.ndarray:
    """Six values of an image from two latents, of many levels, so that a level is narrow."""
    rng = np.random.default_rng(seed)
    weights = np.random.default_rng(0).normal(size=(2, 6))
    x = 128 + 20 * rng.normal(size=(count, 2)) @ weights + 4 * rng.normal(size=(count, 6))
    return x.round().clip(0, 255).astype(np.uint8).reshape(count, 3, 1, 2)


def test_independent_values_cost_their_entropy():
    """Each value is uniform over its own number of levels; Laplace's rule adds (1 + 256/N) / (1 + n/N)."""
    levels = np.array([1, 2, 4, 8])
    images = np.random.default_rng(0).integers(0, levels, size=(50_000, 4)).astype(np.uint8)[:, None, None]
    bits = independent_bits(images[:49_000], images[49_000:])
    assert bits.shape == (1000,)
    assert bits.mean() == pytest.approx(np.log2(levels).mean(), abs=0.01)


def test_a_level_that_training_never_had_is_possible():
    train, test = np.zeros((100, 1, 1, 1), np.uint8), np.full((1, 1, 1, 1), 255, np.uint8)
    assert independent_bits(train, test) == pytest.approx([np.log2(356)])


def test_full_covariance_is_the_density_of_scipy():
    train, test = correlated_images(4000, 1), correlated_images(300, 2)
    x = (train.reshape(len(train), -1) + 0.5) / 256
    y = (test.reshape(len(test), -1) + 0.5) / 256
    nats = -multivariate_normal(x.mean(0), np.cov(x.T)).logpdf(y)
    bits = GaussianBits(train)(test, 6)
    assert bits == pytest.approx(nats / np.log(2) / 6 + 8, abs=0.15)  # the dequantization differs
    assert bits.mean() == pytest.approx((nats / np.log(2) / 6 + 8).mean(), abs=0.01)


def test_two_latents_cost_as_little_as_all_directions_where_there_are_two():
    train, test = correlated_images(20_000, 1), correlated_images(2000, 2)
    gaussian = GaussianBits(train)
    assert gaussian(test, 2).mean() == pytest.approx(gaussian(test, 6).mean(), abs=0.01)
    assert gaussian(test, 1).mean() > gaussian(test, 2).mean() + 0.1


@pytest.mark.parametrize("level", [0, 1, 50, 127, 128, 250, 255])
def test_no_continuous_bernoulli_costs_less_than_its_best_for_each_value(level):
    """Over a grid of SciPy's truncated exponentials and their reflections, which the family consists of."""
    x = (np.array([level, 255 - level]) + 0.5) / 256
    rates = np.geomspace(0.01, 1000, 4000)
    least = -truncexpon(b=rates, scale=1 / rates).logpdf(x[:, None]).max() / np.log(2) + 8
    images = np.full((2, 1, 1, 3), level, np.uint8)
    assert continuous_bernoulli_bits(images) == pytest.approx([min(least, 8)] * 2, abs=1e-4)


@pytest.mark.parametrize("channels", [1, 3])
def test_files_are_those_that_pillow_writes(channels):
    images = correlated_images(3, 1)[:, :channels]
    with io.BytesIO() as file:
        Image.fromarray(images[2].transpose(1, 2, 0).squeeze()).save(file, "PNG")
        size = file.tell()
    assert file_bits(images, format="PNG")[2] == 8 * size / images[2].size
