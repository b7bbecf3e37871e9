import numpy as np
from torchvision import datasets

from tests.support import archives
from vaeline.data.catalog import DATASETS


def test_images_and_labels_are_those_of_torchvision_and_label_ten_means_zero(tmp_path, monkeypatch):
    archives.svhn(tmp_path / "raw", monkeypatch)
    ours = DATASETS.build({"name": "svhn"}, raw=tmp_path / "raw")
    for part, split in ((ours.training(), "train"), (ours.test(), "test")):
        theirs = datasets.SVHN(str(tmp_path / "raw"), split)
        np.testing.assert_array_equal(part.values, theirs.data)
        np.testing.assert_array_equal(part.labels, theirs.labels)
        assert part.labels[:11].tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]
    assert ours.train_size + ours.valid_size == 73_257
