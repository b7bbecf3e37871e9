import zipfile

import numpy as np
import pytest
from torchvision import datasets
from torchvision.transforms import functional

from tests.support import archives
from vaeline.core.errors import VaelineError
from vaeline.data.catalog import DATASETS


@pytest.fixture
def raw(tmp_path, monkeypatch):
    archives.omniglot(tmp_path / "raw", monkeypatch)
    return tmp_path / "raw"


def build(raw, **options):
    return DATASETS.build({"name": "omniglot", "omniglot": options}, raw=raw)


@pytest.mark.parametrize("side", [28, 105])
def test_drawings_are_those_of_torchvision_resized_and_inverted(raw, side):
    ours = build(raw, side=side)
    for part, background in ((ours.training(), True), (ours.test(), False)):
        name = "images_background" if background else "images_evaluation"
        with zipfile.ZipFile(raw / "omniglot-py" / f"{name}.zip") as packed:
            packed.extractall(raw / "omniglot-py")
        theirs = datasets.Omniglot(str(raw), background)
        expected = sorted((255 - np.asarray(functional.resize(image, side))).tobytes() for image, _ in theirs)
        assert sorted(image.tobytes() for image in part.values) == expected


def test_the_background_of_a_drawing_is_black(raw):
    """Nine in ten pixels in the archive are white, which is the paper."""
    assert build(raw).training().values.mean() == pytest.approx(25.5, rel=0.1)


def test_labels_are_alphabets_and_the_test_set_has_other_ones(raw):
    ours = build(raw)
    assert ours.classes == ("Greek", "Gurmukhi", "Latin")
    assert ours.training().labels.tolist() == [0] * 16 + [2] * 16
    assert ours.test().labels.tolist() == [1] * 16


def test_a_drawing_that_cannot_be_decoded_is_a_one_line_error(raw, monkeypatch):
    archive = raw / "omniglot-py" / "images_background.zip"
    with zipfile.ZipFile(archive, "a") as packed:
        packed.writestr("images_background/Greek/character03/0009_01.png", b"no image")
    digests = datasets.Omniglot.zips_md5 | {"images_background": archives.md5_of(archive)}
    monkeypatch.setattr(datasets.Omniglot, "zips_md5", digests)
    with pytest.raises(
        VaelineError, match=rf"^{archive}: images_background/Greek/character03/0009_01.png \("
    ):
        build(raw).training()
