import contextlib
import os
import re
import zipfile
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.support.published import picture
from vaeline.data.reading import decoding
from vaeline.data.reading.decoding import decode_files, decode_jobs
from vaeline.data.reading.encoded import ImageFile, archive_members
from vaeline.data.reading.pixels import Form


def files(folder, names):
    return {name: ImageFile(f"{folder}/{name}") for name in names}


@pytest.fixture
def folder(tmp_path):
    for i in range(25):
        picture(8, 8, seed=i).save(tmp_path / f"{i:02}.png")
    return tmp_path


@pytest.mark.parametrize(("job", "cores"), [(1, 2), (4, 1), (4, 3), (1000, 2)])
def test_images_stay_in_order_for_any_jobs_and_cores_and_broken_ones_are_left_out(
    folder, monkeypatch, job, cores
):
    monkeypatch.setattr(decoding, "JOB_IMAGES", job)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)))
    names = [f"{i:02}.png" for i in range(25)]
    (folder / "03.png").write_bytes((folder / "03.png").read_bytes()[:60])
    (folder / "17.png").write_bytes(b"<html>")
    (folder / "24.png").unlink()
    decoded = decode_files(files(folder, names), Form(3, 8), folder / "scratch")
    images, broken = decoded.images, decoded.broken
    good = [i for i in range(25) if i not in (3, 17, 24)]
    expected = np.stack([np.asarray(picture(8, 8, seed=i)).transpose(2, 0, 1) for i in good])
    assert images.shape == expected.shape
    np.testing.assert_array_equal(images[:], expected)
    order = np.random.default_rng(0).permutation(len(good))
    np.testing.assert_array_equal(images[order], expected[order])
    assert list(broken) == [3, 17, 24]
    assert decoded.brightest == expected.max()
    assert [line.split(" (")[0] for line in broken.values()] == ["03.png", "17.png", "24.png"]
    assert list((folder / "scratch").iterdir()) == []


def test_transparent_images_are_counted_over_all_jobs(folder, monkeypatch):
    monkeypatch.setattr(decoding, "JOB_IMAGES", 2)
    for i in range(3):
        Image.new("RGBA", (8, 8), (9, 9, 9, 100)).save(folder / f"{i:02}.png")
    names = [f"{i:02}.png" for i in range(6)]
    assert decode_files(files(folder, names), Form(3, 8), folder / "scratch").transparent == 3


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is empty"),
        (b"<html>", "it is no image that Pillow reads"),
        (None, "FileNotFoundError: .*'it'"),
    ],
)
def test_a_broken_file_is_described_without_its_path_and_without_an_address(folder, content, reason):
    (folder / "a.png").unlink(missing_ok=True)
    if content is not None:
        (folder / "a.png").write_bytes(content)
    (line,) = decode_files(files(folder, ["a.png"]), Form(3, 8), folder / "scratch").broken.values()
    assert re.fullmatch(rf"a\.png \({reason}\)", line)


@given(st.data())
def test_whatever_is_in_a_file_is_decoded_or_described_in_one_line(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("damaged")
    picture(9, 7).save(folder / "a.tiff")
    picture(9, 7).save(folder / "b.png")
    for name in ("a.tiff", "b.png"):
        content = bytearray((folder / name).read_bytes())
        for _ in range(data.draw(st.integers(1, 8))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
        (folder / name).write_bytes(content)
    decoded = decode_files(files(folder, ["a.tiff", "b.png"]), Form(3, 8), folder / "scratch")
    assert len(decoded.images) + len(decoded.broken) == 2
    for line in decoded.broken.values():
        assert "\n" not in line
        assert "object at 0x" not in line
        assert str(folder) not in line


def test_a_killed_process_is_a_one_line_error_and_leaves_no_file(folder, monkeypatch):
    monkeypatch.setattr(decoding, "JOB_IMAGES", 4)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    monkeypatch.setattr(decoding, "square_image", lambda *_: os._exit(1))
    with pytest.raises(decoding.VaelineError, match="a process that decoded images was killed"):
        decode_files(files(folder, [f"{i:02}.png" for i in range(25)]), Form(3, 8), folder / "scratch")
    assert list((folder / "scratch").iterdir()) == []


class Pool:
    """Decodes when it is asked for a result, and counts the jobs that wait for that."""

    waiting = most = 0

    @contextlib.contextmanager
    def started(self, workers):
        yield self

    def submit(self, work, *arguments):
        self.waiting += 1
        self.most = max(self.most, self.waiting)
        return SimpleNamespace(result=lambda: self.done(work, arguments))

    def done(self, work, arguments):
        self.waiting -= 1
        return work(*arguments)


@pytest.mark.parametrize("cores", [1, 2, 40])
def test_of_images_that_arrive_one_by_one_few_are_held(folder, monkeypatch, cores):
    pool = Pool()
    monkeypatch.setattr(decoding, "worker_pool", pool.started)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)))
    sources = files(folder, [f"{i:02}.png" for i in range(25)])
    decoded = decode_jobs(([file] for file in sources.values()), Form(3, 8), folder / "scratch")
    expected = decode_files(sources, Form(3, 8), folder / "scratch")
    np.testing.assert_array_equal(decoded.images[:], expected.images[:])
    assert pool.most == {1: 0, 2: 4, 40: 25}[cores]


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_members_of_a_zip_archive_are_read_in_place(tmp_path, compression):
    contents = {f"b/{i}.txt": bytes([i]) * 100 * i for i in range(4)} | {"a.txt": b"first"}
    with zipfile.ZipFile(tmp_path / "a.zip", "w", compression) as packed:
        packed.mkdir("b")
        for name, content in contents.items():
            info = zipfile.ZipInfo(name)
            info.compress_type, info.extra = compression, b"\x99\x99\x04\x00more"
            packed.writestr(info, content)
    members = archive_members(tmp_path / "a.zip")
    assert list(members) == sorted(contents)
    assert {name: member.read() for name, member in members.items()} == contents
