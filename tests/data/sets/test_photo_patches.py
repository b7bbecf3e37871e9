import numpy as np
import pytest
from sklearn.datasets import load_sample_images

from vaeline.data.catalog import DATASETS
from vaeline.data.split import split_indices


def patches(side):
    return DATASETS.build({"name": "photo_patches", "photo_patches": {"side": side}}, raw=None)


@pytest.mark.parametrize("side", [8, 32, 64])
def test_every_square_is_used_once_and_the_test_set_is_at_the_right(side):
    dataset = patches(side)
    rows, columns = 427 // side, 640 // side
    first = columns * 4 // 5
    for (images, labels, _), chosen in (
        (dataset.training(), range(first)),
        (dataset.test(), range(first, columns)),
    ):
        expected = [
            (photograph[r * side : (r + 1) * side, c * side : (c + 1) * side].transpose(2, 0, 1), label)
            for label, photograph in enumerate(load_sample_images().images)
            for r in range(rows)
            for c in chosen
        ]
        np.testing.assert_array_equal(images, np.stack([image for image, _ in expected]))
        assert labels.tolist() == [label for _, label in expected]


def test_the_default_sizes_are_the_documented_ones():
    dataset = patches(32)
    train, valid = split_indices(dataset, len(dataset.training().values))
    assert (len(train), len(valid), len(dataset.test().values)) == (375, 41, 104)
    assert not set(train) & set(valid)
