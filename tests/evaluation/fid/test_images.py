import numpy as np
import pytest
import torch

from vaeline.core.errors import VaelineError
from vaeline.core.scaling import BYTES
from vaeline.data.reading.statistics import standardisation
from vaeline.evaluation.fid.images import (
    GENERATION_BATCH,
    Pictures,
    generate_images,
    random_subset,
    sample_size,
    to_uint8,
)


def test_every_grey_level_is_preserved():
    values = torch.arange(256, dtype=torch.uint8)
    assert torch.equal(to_uint8(values.float() / 255), values)


def test_images_are_rounded_to_the_nearest_level_within_the_range():
    assert to_uint8(torch.tensor([0.4, 0.6, 254.4, 254.6, 300, -3]) / 255).tolist() == [
        0,
        1,
        254,
        255,
        255,
        0,
    ]


def test_nan_is_an_error():
    with pytest.raises(VaelineError, match="contain NaN"):
        to_uint8(torch.tensor([0.5, torch.nan]))


@pytest.mark.parametrize("n", [3, GENERATION_BATCH, GENERATION_BATCH + 5])
def test_images_are_generated_in_batches_of_bounded_size(n):
    requests = []

    def sample(count):
        requests.append(count)
        return torch.full((count, 1, 2, 2), len(requests) / 255)

    images = generate_images(sample, n)
    assert sum(requests) == n == len(images)
    assert max(requests) <= GENERATION_BATCH
    assert images.dtype == np.uint8
    assert images[:, 0, 0, 0].tolist() == [i for i, count in enumerate(requests, 1) for _ in range(count)]


def test_the_sample_size_is_limited_by_the_available_images():
    assert sample_size(2048, 10_000, 5_000) == 2048
    assert sample_size(2048, 382, 215) == 215
    with pytest.raises(VaelineError, match="2 images in each half are too few"):
        sample_size(2048, 382, 2)


def test_a_random_subset_is_always_the_same_and_from_the_whole_set():
    images = np.arange(1000).reshape(-1, 1, 1, 1)
    subset = random_subset(images, 100).ravel()
    assert len(set(subset.tolist())) == 100
    assert np.array_equal(subset, random_subset(images, 100).ravel())
    # The mean of 100 of 1,000 is 499.5, within four standard errors of 27.4.
    assert abs(subset.mean() - 499.5) < 110
    assert np.array_equal(random_subset(images, 1000), images)


def test_stored_floats_are_the_pictures_that_samples_of_them_are():
    floats = np.random.default_rng(0).normal(3, 40, (20, 2, 4, 5))
    scaling = standardisation(floats, np.arange(20))
    stored = scaling.stored(floats)
    pictures = Pictures(stored, scaling)
    assert (pictures.shape, pictures[3:7].dtype) == (stored.shape, np.uint8)
    np.testing.assert_array_equal(pictures[:], to_uint8(torch.from_numpy(stored), scaling).numpy())
    for channel, values in enumerate(floats.swapaxes(0, 1)):
        expected = 255 * (values - values.min()) / np.ptp(values)
        assert abs(pictures[:][:, channel] - expected).max() < 0.51


def test_stored_levels_are_pictures_as_they_are():
    levels = np.arange(60, dtype=np.uint8).reshape(5, 1, 3, 4)
    np.testing.assert_array_equal(Pictures(levels, BYTES)[1:3], levels[1:3])
