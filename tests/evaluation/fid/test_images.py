import numpy as np
import pytest
import torch

from vaeline.core.errors import VaelineError
from vaeline.evaluation.fid.images import (
    GENERATION_BATCH,
    generate_images,
    random_subset,
    sample_size,
    to_uint8,
)


def test_every_grey_value_survives_the_round_trip():
    values = torch.arange(256, dtype=torch.uint8)
    assert torch.equal(to_uint8(values.float() / 255), values)


def test_rounds_to_the_nearest_and_keeps_the_range():
    assert to_uint8(torch.tensor([0.4, 0.6, 254.4, 254.6, 300, -3]) / 255).tolist() == [
        0,
        1,
        254,
        255,
        255,
        0,
    ]


def test_nan_is_an_error_and_not_a_black_pixel():
    with pytest.raises(VaelineError, match="samples NaN"):
        to_uint8(torch.tensor([0.5, torch.nan]))


@pytest.mark.parametrize("n", [3, GENERATION_BATCH, GENERATION_BATCH + 5])
def test_generates_as_many_as_asked_a_bounded_number_at_a_time(n):
    asked = []

    def sample(count):
        asked.append(count)
        return torch.full((count, 1, 2, 2), len(asked) / 255)

    images = generate_images(sample, n)
    assert sum(asked) == n == len(images)
    assert max(asked) <= GENERATION_BATCH
    assert images.dtype == np.uint8
    assert images[:, 0, 0, 0].tolist() == [i for i, count in enumerate(asked, 1) for _ in range(count)]


def test_the_size_is_capped_by_what_there_is():
    assert sample_size(2048, 10_000, 5_000) == 2048
    assert sample_size(2048, 382, 215) == 215
    with pytest.raises(VaelineError, match="2 images a half are too few"):
        sample_size(2048, 382, 2)


def test_draws_the_same_distinct_images_from_the_whole_set():
    images = np.arange(1000).reshape(-1, 1, 1, 1)
    once = random_subset(images, 100).ravel()
    assert len(set(once.tolist())) == 100
    assert np.array_equal(once, random_subset(images, 100).ravel())
    # 100 of 1,000 drawn evenly: the mean is 499.5 within four standard errors of 27.4.
    assert abs(once.mean() - 499.5) < 110
    assert np.array_equal(random_subset(images, 1000), images)
