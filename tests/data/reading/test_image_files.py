"""Which files of a folder are images, and what is said of the others."""

import os
import sys

import pytest

from vaeline.core.errors import VaelineError
from vaeline.data.reading.image_files import folder_content, left_out_lines, printable


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_pictures_of_any_case_are_listed_and_the_rest_is_counted_by_extension(tmp_path):
    touch(tmp_path, "b.PNG", "a/c.jfif", "a/d.avif", "notes.txt", "x.heic", "y.HEIC", "LICENSE", "a/z.zip")
    content = folder_content(tmp_path)
    assert content.files == ["a/c.jfif", "a/d.avif", "b.PNG"]
    assert left_out_lines(content.left_out) == [
        "left out, files of other kinds: .heic (2), .txt (1), .zip (1), without extension (1)"
    ]


def test_only_the_most_frequent_kinds_are_named(tmp_path):
    touch(tmp_path, "a.png", "x.aa", *(f"{i}.e{i}" for i in range(9)), "y.aa")
    (line,) = left_out_lines(folder_content(tmp_path).left_out)
    assert line.endswith(" .aa (2), .e0 (1), .e1 (1), .e2 (1), .e3 (1), .e4 (1), .e5 (1), .e6 (1), 2 others")


def test_hidden_files_and_folders_of_systems_are_left_out_with_their_number(tmp_path):
    touch(tmp_path, "a/1.png", "a/@eaDir/1.png/SYNO.jpg", "b/@eaDir/2.jpg", "__MACOSX/a/._1.png", "._2.png")
    touch(tmp_path, ".thumbnails/3.png", "lost+found/4.png", "a/.DS_Store", "b/.DS_Store")
    content = folder_content(tmp_path)
    assert content.files == ["a/1.png"]
    assert left_out_lines(content.left_out) == [
        "left out, folders of previews and of the system: @eaDir (2), __MACOSX (1), lost+found (1)",
        "left out, hidden: .DS_Store (2), ._2.png (1), .thumbnails (1)",
    ]


def test_what_is_neither_file_nor_folder_is_never_opened(tmp_path):
    touch(tmp_path, "a.png")
    os.mkfifo(tmp_path / "b.png")
    content = folder_content(tmp_path)
    assert content.files == ["a.png"]
    assert left_out_lines(content.left_out) == ["left out, neither files nor folders: b.png (1)"]


def test_links_to_files_are_followed_and_links_in_circles_are_not(tmp_path):
    touch(tmp_path, "mine/a/1.png", "elsewhere/2.png")
    (tmp_path / "mine/a/2.png").symlink_to(tmp_path / "elsewhere/2.png")
    (tmp_path / "mine/a/up").symlink_to(tmp_path / "mine")
    (tmp_path / "mine/self").symlink_to("self")
    (tmp_path / "mine/self.png").symlink_to("self.png")
    (tmp_path / "mine/nowhere.png").symlink_to("nothing")
    content = folder_content(tmp_path / "mine")
    assert content.files == ["a/1.png", "a/2.png", "nowhere.png", "self.png"]  # two are found to be broken
    assert left_out_lines(content.left_out) == [
        "left out, files of other kinds: without extension (1)",
        "left out, links to a folder above: up (1)",
    ]


def test_a_link_to_another_folder_is_rejected_because_dvc_does_not_look_into_it(tmp_path):
    touch(tmp_path, "my images/a/1.png", "elsewhere/2.png")
    (tmp_path / "my images/b").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(VaelineError, match=r"my images/b is a link to a folder") as caught:
        folder_content(tmp_path / "my images")
    assert f"`cp -rL '{tmp_path}/my images' '{tmp_path}/my images_copy'`" in str(caught.value)


def test_the_folder_itself_may_be_a_link(tmp_path):
    touch(tmp_path, "elsewhere/2.png")
    (tmp_path / "mine").symlink_to(tmp_path / "elsewhere")
    assert folder_content(tmp_path / "mine").files == ["2.png"]


def test_a_folder_that_may_not_be_read_is_one_line(tmp_path, monkeypatch):
    touch(tmp_path, "a.png", "locked/b.png")
    scandir = os.scandir

    def locked(path):
        if str(path).rstrip("/").endswith("locked"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr("vaeline.data.reading.image_files.os.scandir", locked)
    with pytest.raises(VaelineError, match=r"locked/: this folder may not be read: .* `chmod u\+rx "):
        folder_content(tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems take no such names")
def test_names_that_are_no_utf8_are_read_and_shown_escaped(tmp_path):
    touch(tmp_path, os.fsdecode(b"caf\xe9/1.png"), os.fsdecode(b"caf\xe9/1.\xff"))
    content = folder_content(tmp_path)
    assert [os.fsencode(file) for file in content.files] == [b"caf\xe9/1.png"]
    assert left_out_lines(content.left_out) == [r"left out, files of other kinds: .\xff (1)"]


@pytest.mark.parametrize(
    ("name", "shown"), [("Käse.png", "Käse.png"), ("a\nb\x1b[31m", r"a\nb\x1b[31m"), ("\udce9", r"\xe9")]
)
def test_a_printed_name_stays_in_its_line(name, shown):
    assert printable(name) == shown
