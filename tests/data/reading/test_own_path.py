import os

import pytest

from vaeline.core.errors import VaelineError
from vaeline.data.reading.own_path import check_hashable


def test_files_folders_and_links_to_them_can_be_hashed(tmp_path):
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/b/image.png").touch()
    (tmp_path / "link.png").symlink_to(tmp_path / "a/b/image.png")
    for path in (tmp_path, tmp_path / "link.png", tmp_path / "missing"):
        check_hashable(path)


@pytest.mark.parametrize("below", [True, False], ids=["in a folder", "the path itself"])
@pytest.mark.parametrize(
    ("make", "line"),
    [
        (os.mkfifo, "neither a file nor a folder, DVC would wait for it: remove it"),
        (lambda path: path.symlink_to("gone"), "a link to nothing, which DVC cannot hash: remove it"),
        (lambda path: path.symlink_to(path.name), "Too many levels of symbolic links: DVC cannot hash it"),
    ],
    ids=["fifo", "dead link", "link to itself"],
)
def test_what_dvc_would_hang_or_stop_at_is_named(tmp_path, below, make, line):
    entry = tmp_path / "folder" / "image.png"
    entry.parent.mkdir()
    make(entry)
    with pytest.raises(VaelineError) as caught:
        check_hashable(tmp_path if below else entry)
    assert str(caught.value) == f"{entry}: {line}"
