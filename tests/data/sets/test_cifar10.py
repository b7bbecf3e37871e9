import os
import pickle

import numpy as np
import pytest
from torchvision import datasets

from tests.support import archives
from vaeline.core.errors import VaelineError
from vaeline.data.catalog import DATASETS
from vaeline.data.sets.cifar10 import unpickle_arrays


@pytest.fixture
def raw(tmp_path, monkeypatch):
    archives.cifar10(tmp_path / "raw", monkeypatch)
    return tmp_path / "raw"


def build(raw):
    return DATASETS.build({"name": "cifar10"}, raw=raw)


def test_images_labels_and_classes_are_those_of_torchvision(raw, tmp_path):
    ours = build(raw)
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / datasets.CIFAR10.filename).symlink_to(raw / datasets.CIFAR10.filename)
    for part, train in ((ours.training(), True), (ours.test(), False)):
        theirs = datasets.CIFAR10(str(tmp_path / "theirs"), train, download=True)  # only unpacks the file
        np.testing.assert_array_equal(part.values, theirs.data.transpose(0, 3, 1, 2))
        assert part.labels.tolist() == theirs.targets
        assert list(ours.classes) == theirs.classes
    assert ours.training().values.shape == (40, 3, 32, 32)
    assert sorted(path.name for path in raw.iterdir()) == [datasets.CIFAR10.filename]


def test_a_damaged_archive_is_rejected(raw):
    path = raw / datasets.CIFAR10.filename
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(VaelineError, match=rf"{path}: damaged \(wrong checksum\)"):
        build(raw).training()


class Command:
    def __reduce__(self):
        return os.system, ("true",)


@pytest.mark.parametrize("harm", [Command(), np.random.default_rng, {"data": pickle.Unpickler}])
def test_a_pickle_that_names_anything_but_an_array_is_rejected(harm):
    with pytest.raises(pickle.UnpicklingError, match="does not belong in a batch of images"):
        unpickle_arrays(pickle.dumps(harm, protocol=2))
