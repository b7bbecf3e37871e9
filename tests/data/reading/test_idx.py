import numpy as np
import pytest
from torchvision.datasets.mnist import read_image_file, read_label_file

from tests.support.published import compressed, idx
from vaeline.core.errors import VaelineError
from vaeline.data.reading.idx import read_idx

IMAGES = np.arange(3 * 5 * 4).reshape(3, 5, 4)


def test_idx_files_are_read_as_by_torchvision(tmp_path):
    (tmp_path / "images").write_bytes(idx(IMAGES))
    (tmp_path / "labels").write_bytes(idx(np.array([7, 0, 255])))
    np.testing.assert_array_equal(read_idx(tmp_path / "images"), read_image_file(tmp_path / "images").numpy())
    np.testing.assert_array_equal(read_idx(tmp_path / "labels"), read_label_file(tmp_path / "labels").numpy())


def test_compressed_idx_files_are_read(tmp_path):
    (tmp_path / "images.gz").write_bytes(compressed(idx(IMAGES)))
    np.testing.assert_array_equal(read_idx(tmp_path / "images.gz"), IMAGES)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00\x00\x08",
        idx(IMAGES)[:10],
        idx(IMAGES)[:-1],
        idx(IMAGES) + b"\x00",
        b"\x00\x00\x0d" + idx(IMAGES)[3:],
    ],
    ids=["empty", "no dimensions", "half a header", "cut off", "too long", "floats"],
)
def test_a_file_that_is_not_an_idx_file_of_bytes_is_rejected_by_name(tmp_path, content):
    (tmp_path / "images").write_bytes(content)
    with pytest.raises(VaelineError, match=rf"{tmp_path / 'images'}: not an IDX file"):
        read_idx(tmp_path / "images")
