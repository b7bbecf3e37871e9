from decimal import ROUND_HALF_UP, Decimal

import numpy as np
from sklearn.datasets import load_digits

from vaeline.data.catalog import DATASETS
from vaeline.data.split import split_indices

DIGITS = DATASETS.build({"name": "digits"}, raw=None)


def test_grey_levels_are_rounded_to_the_nearest():
    images = np.concatenate([DIGITS.training().values, DIGITS.test().values])
    levels = load_digits().images
    for level in range(17):
        expected = (Decimal(level) * 255 / 16).quantize(Decimal(1), ROUND_HALF_UP)
        assert set(images[:, 0][levels == level]) == {int(expected)}


def test_images_and_labels_are_in_the_order_of_scikit_learn():
    theirs = load_digits()
    np.testing.assert_array_equal(
        np.concatenate([DIGITS.training().labels, DIGITS.test().labels]), theirs.target
    )
    brightest = DIGITS.test().values.reshape(-1, 64) == 255
    np.testing.assert_array_equal(brightest, theirs.data[1415:] == 16)


def test_the_test_set_begins_with_a_form_and_the_default_sizes_use_the_whole_training_set():
    # A form begins with three runs of the ten digits.
    np.testing.assert_array_equal(DIGITS.test().labels[:30], np.tile(np.arange(10), 3))
    train, valid = split_indices(DIGITS, len(DIGITS.training().labels))
    assert (len(train), len(valid), len(DIGITS.test().labels)) == (1200, 215, 382)
    assert len(train) + len(valid) == len(DIGITS.training().labels)


def test_the_classes_of_the_test_set_are_about_equally_large():
    counts = np.bincount(DIGITS.test().labels, minlength=10)
    assert counts.min() >= 30
