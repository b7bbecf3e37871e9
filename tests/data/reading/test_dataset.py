import pytest

from vaeline.core.errors import VaelineError
from vaeline.data.catalog import DATASETS


@pytest.mark.parametrize("size", ["many", 0, -5, 2.5, True, None])
@pytest.mark.parametrize("key", ["train_size", "valid_size"])
def test_a_size_is_a_positive_number_or_auto(key, size):
    with pytest.raises(VaelineError, match=rf"data\.{key} = {size!r} is not allowed: .*at least 2, or auto"):
        DATASETS.parse({key: size})


@pytest.mark.parametrize("seed", [-1, 2**32, "a"])
def test_split_seed_is_a_seed_that_randomstate_takes(seed):
    with pytest.raises(VaelineError, match=r"data\.split_seed"):
        DATASETS.parse({"split_seed": seed})


def test_options_can_be_saved_and_parsed_again():
    section = DATASETS.parse({"name": "digits", "train_size": 7})
    assert DATASETS.parse(section.model_dump()) == section
    assert section.valid_size == "auto"
