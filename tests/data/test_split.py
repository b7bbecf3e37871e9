import numpy as np
import pytest

from tests.support.published import Numbered
from vaeline.core.errors import VaelineError
from vaeline.data.reading.dataset import DataOptions
from vaeline.data.split import split_indices


def drawn(available=100, **options):
    return split_indices(Numbered(DataOptions(**options), raw=None), available)


def test_default_sizes_are_those_of_the_data_set():
    train, valid = drawn()
    assert (len(train), len(valid)) == (60, 30)


@pytest.mark.parametrize(("train_size", "valid_size"), [(90, 10), (2, 3), (50, 50)])
def test_train_and_valid_are_disjoint_and_within_the_training_set(train_size, valid_size):
    train, valid = drawn(train_size=train_size, valid_size=valid_size)
    both = np.concatenate([train, valid])
    assert len(both) == train_size + valid_size == len(set(both))
    assert set(both) <= set(range(100))


def test_train_and_valid_can_use_all_images():
    assert sorted(np.concatenate(drawn(train_size=70, valid_size=30))) == list(range(100))


def test_the_split_depends_on_its_seed_alone():
    np.random.seed(1)
    first = drawn(split_seed=3)
    np.random.seed(2)
    np.testing.assert_equal(drawn(split_seed=3), first)
    assert set(drawn(split_seed=4)[1]) != set(first[1])


def test_train_and_valid_do_not_depend_on_the_size_of_the_other():
    np.testing.assert_equal(drawn(train_size=60, valid_size=5)[0], drawn(train_size=60, valid_size=40)[0])
    np.testing.assert_equal(drawn(train_size=5, valid_size=30)[1], drawn(train_size=70, valid_size=30)[1])


def test_a_smaller_train_set_is_a_part_of_a_larger_one():
    small, large = drawn(train_size=20)[0], drawn(train_size=70)[0]
    np.testing.assert_equal(small, large[:20])


def test_the_split_never_changes():
    train, valid = drawn(available=10, train_size=6, valid_size=4)
    assert train.tolist() == [2, 8, 4, 9, 1, 6]  # RandomState(0).permutation(10), as documented everywhere
    assert valid.tolist() == [5, 0, 3, 7]


def test_the_tail_split_keeps_the_order_and_validates_on_the_last_images():
    """As Burda et al. (2016) split MNIST: the first 59,600 images, and the last 400."""
    train, valid = drawn(available=60_000, split="tail", train_size=59_600, valid_size=400)
    assert train.tolist() == list(range(59_600))
    assert valid.tolist() == list(range(59_600, 60_000))


@pytest.mark.parametrize(("option", "count", "least"), [("valid_size", 2, 3)])
def test_sizes_too_small_to_evaluate_are_rejected_with_a_remedy_that_helps(option, count, least):
    with pytest.raises(
        VaelineError, match=f"data.{option} = {count}: .*`dvc exp run -S data.{option}={least}`"
    ):
        drawn(**{option: count})
    assert len(drawn(**{option: least})[1]) == least


def test_sizes_that_are_too_large_are_rejected_with_keys_and_available_images():
    with pytest.raises(
        VaelineError, match=r"data\.train_size \(60\) and data\.valid_size \(41\) add up to 101.*100"
    ):
        drawn(valid_size=41)
