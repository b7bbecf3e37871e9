import numpy as np
import pytest
from PIL import Image
from torchvision import datasets
from torchvision.transforms import functional

from tests.support import archives
from vaeline.core.errors import VaelineError
from vaeline.data.catalog import DATASETS
from vaeline.data.split import split_indices


@pytest.fixture
def placed(tmp_path, monkeypatch):
    return tmp_path / "raw", archives.celeba(tmp_path / "raw", monkeypatch)


def build(raw, **options):
    return DATASETS.build({"name": "celeba", "celeba": options}, raw=raw)


@pytest.mark.parametrize(("side", "crop"), [(64, 148), (32, 178)])
def test_faces_are_cropped_and_resized_as_by_torchvision(placed, side, crop):
    raw, photographs = placed
    expected = [
        functional.pil_to_tensor(
            functional.resize(functional.center_crop(Image.fromarray(p), [crop, crop]), [side, side])
        ).numpy()
        for p in photographs.values()
    ]
    ours = build(raw, side=side, crop=crop)
    np.testing.assert_array_equal(ours.training().values[:], expected[:32])
    np.testing.assert_array_equal(ours.test().values[:], expected[32:])
    assert not list(raw.glob(".decoding-*"))


@pytest.mark.parametrize("attribute", archives.ATTRIBUTES)
def test_the_label_is_whether_the_face_has_the_attribute(placed, attribute):
    raw, _ = placed
    lines = (raw / "celeba" / "list_attr_celeba.txt").read_text().splitlines()[2:]
    column = 1 + archives.ATTRIBUTES.index(attribute)
    expected = [line.split()[column] == "1" for line in lines]
    ours = build(raw, attribute=attribute)
    assert ours.training().labels.tolist() == expected[:32]
    assert ours.test().labels.tolist() == expected[32:]
    assert ours.classes == (f"not {attribute}", attribute)


def test_an_unknown_attribute_is_a_one_line_error(placed):
    with pytest.raises(VaelineError) as caught:
        build(placed[0], attribute="Smile").training()
    assert str(caught.value) == (
        "data.celeba.attribute = 'Smile' is not allowed: should be one of Male, Smiling, Young"
    )


def test_the_tail_of_the_training_set_is_the_published_validation_set(placed):
    """The partition follows the order of the files: 0, then 1, then 2."""
    section = {"name": "celeba", "split": "tail", "train_size": 28, "valid_size": 4}
    dataset = DATASETS.build(section, raw=placed[0])
    train, valid = split_indices(dataset, len(dataset.training().values))
    assert (train.tolist(), valid.tolist()) == ([*range(28)], [*range(28, 32)])
    assert dataset.train_size + dataset.valid_size == 182_637


def test_an_image_that_cannot_be_decoded_is_a_one_line_error(placed, monkeypatch):
    raw, _ = placed
    archive = raw / "celeba" / "img_align_celeba.zip"
    content = archive.read_bytes()
    start = content.index(b"000007.jpg") + len("000007.jpg")
    archive.write_bytes(content[:start] + bytes(300) + content[start + 300 :])
    file_list = [
        (file_id, archives.md5_of(archive) if name == archive.name else md5, name)
        for file_id, md5, name in datasets.CelebA.file_list
    ]
    monkeypatch.setattr(datasets.CelebA, "file_list", file_list)
    with pytest.raises(VaelineError, match=rf"^{archive}: 000007.jpg \("):
        build(raw).training()
