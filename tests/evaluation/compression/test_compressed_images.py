"""Files of compressed images: whole, damaged, and read with another model."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.support.small import digits, vae
from vaeline.core.errors import VaelineError
from vaeline.evaluation.compression.bit_stack import START_WORDS
from vaeline.evaluation.compression.bits_back import BitsBack
from vaeline.evaluation.compression.compressed_images import (
    CompressedImages,
    compress_images,
    decompress_images,
)

LEVELS = 255 * (digits(8) > 127).to(torch.uint8).numpy()


def coder(seed: int = 0) -> BitsBack:
    torch.manual_seed(seed)
    return BitsBack(vae())


@pytest.fixture
def file(tmp_path) -> Path:
    compress_images(coder(), LEVELS)[0].save(tmp_path / "digits.vae")
    return tmp_path / "digits.vae"


def test_a_file_has_all_that_decoding_needs_besides_the_model(file):
    compressed = CompressedImages.load(file)
    assert 8 * file.stat().st_size == compressed.bits
    assert START_WORDS - 20 < compressed.untouched < START_WORDS
    assert np.array_equal(decompress_images(coder(), compressed), LEVELS)


@pytest.mark.parametrize("change", [lambda b: b[:-1], lambda b: b[:10], lambda b: b[:50] + b"?" + b[51:]])
def test_a_damaged_file_is_one_line(file, change):
    file.write_bytes(change(file.read_bytes()))
    with pytest.raises(VaelineError, match=f"^{file}: damaged or cut off [^\n]*: compress the images again$"):
        CompressedImages.load(file)


def test_another_file_or_none_is_one_line(tmp_path):
    (tmp_path / "x.vae").write_bytes(b"PK")
    with pytest.raises(VaelineError, match=r"x\.vae: not a file that `vaeline compress` has written"):
        CompressedImages.load(tmp_path / "x.vae")
    with pytest.raises(VaelineError, match=r"y\.vae: no such file"):
        CompressedImages.load(tmp_path / "y.vae")


def test_another_model_is_rejected(file):
    with pytest.raises(VaelineError, match=r"another model: the digest of its weights is .*--model"):
        decompress_images(coder(seed=1), CompressedImages.load(file))


def test_other_numbers_on_another_machine_are_noticed(file):
    other = coder()
    for weight in other.model.parameters():
        weight.data += 0.01
    with pytest.raises(VaelineError, match="not restored: this machine computes other numbers"):
        decompress_images(other, CompressedImages.load(file))


def test_last_bits_that_differ_change_nothing(file):
    """As another order of summation would have it."""
    other = coder()
    for weight in other.model.parameters():
        weight.data *= 1 + 1e-15
    assert np.array_equal(decompress_images(other, CompressedImages.load(file)), LEVELS)


def test_a_level_without_a_probability_is_named():
    grey = LEVELS.copy()
    grey[3, 0, 1, 2] = 17
    with pytest.raises(VaelineError, match=r"image 3 has the level 17, .* 0 and 255 alone: .* --binarize"):
        compress_images(coder(), grey)
