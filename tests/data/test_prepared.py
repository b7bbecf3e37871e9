import hashlib

import numpy as np
import pytest

from tests.support.published import Numbered
from vaeline.core.errors import VaelineError
from vaeline.data.prepared import Prepared
from vaeline.data.reading.dataset import DataOptions
from vaeline.data.storing import store

FILES = [f"{split}_{field}.npy" for split in ("train", "valid", "test") for field in ("images", "labels")]


@pytest.fixture
def folder(tmp_path):
    store(Numbered(DataOptions(split_seed=5), raw=None), tmp_path)
    return tmp_path


def test_attributes_are_those_of_the_data_set(folder):
    prepared = Prepared.open(folder)
    assert prepared.name == "numbered"
    assert prepared.shape == (2, 3, 4)
    assert prepared.classes == ("even", "odd")
    assert prepared.description["split_seed"] == 5
    assert len(prepared.train) == 60
    assert prepared.hashes == {f: hashlib.sha256((folder / f).read_bytes()).hexdigest() for f in FILES}
    prepared.verify()


def test_arrays_are_memory_mapped_and_read_only(folder):
    prepared = Prepared.open(folder)
    for split in (prepared.train, prepared.valid, prepared.test):
        assert isinstance(split.images, np.memmap)
        assert isinstance(split.labels, np.memmap)
        assert (split.images.dtype, split.labels.dtype) == (np.uint8, np.int64)
    with pytest.raises(ValueError, match="read-only"):
        prepared.train.images[0] = 0


@pytest.mark.parametrize("file", [*FILES, "description.json"])
def test_a_missing_file_is_named(folder, file):
    (folder / file).unlink()
    with pytest.raises(VaelineError, match=rf"^{folder / file}: .*dvc repro prepare"):
        Prepared.open(folder)


@pytest.mark.parametrize("file", [*FILES, "description.json"])
@pytest.mark.parametrize("keep", [0, 60, -1])
def test_a_truncated_file_is_named(folder, file, keep):
    (folder / file).write_bytes((folder / file).read_bytes().rstrip(b"\n")[:keep])
    with pytest.raises(VaelineError, match=rf"^{folder / file}: damaged, .*dvc checkout data/prepared"):
        Prepared.open(folder)


def test_a_broken_header_is_named(folder):
    file = folder / "valid_images.npy"
    file.write_bytes(b"\x00" * 20 + file.read_bytes()[20:])
    with pytest.raises(VaelineError, match=rf"^{file}: damaged"):
        Prepared.open(folder)


@pytest.mark.parametrize("other", [np.zeros((60, 24), np.uint8), np.zeros((60, 2, 3, 4), np.int8)])
def test_an_array_of_another_type_or_shape_is_named(folder, other):
    file = folder / "train_images.npy"
    np.save(file, other)
    with pytest.raises(VaelineError, match=rf"^{file}: damaged, it holds {other.dtype}"):
        Prepared.open(folder)


@pytest.mark.parametrize("file", FILES)
def test_verify_detects_a_single_changed_byte(folder, file):
    content = bytearray((folder / file).read_bytes())
    content[-1] ^= 1
    (folder / file).write_bytes(content)
    prepared = Prepared.open(folder)
    with pytest.raises(VaelineError, match=rf"^{folder / file}: damaged, its SHA-256"):
        prepared.verify()
