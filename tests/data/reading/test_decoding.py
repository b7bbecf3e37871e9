import os
import zipfile

import numpy as np
import pytest
from PIL import Image
from torchvision.transforms import functional

from vaeline.data.reading import decoding
from vaeline.data.reading.decoding import decode_files
from vaeline.data.reading.encoded import ImageFile, archive_members


def picture(width, height, channels=3, seed=0):
    """A smooth picture: what any sound way of resizing makes of it is nearly the same."""
    x, y = np.meshgrid(np.linspace(0, 3, width), np.linspace(0, 2, height))
    waves = [127 + 120 * np.sin((i + 1) * x + y + seed) for i in range(channels)]
    return Image.fromarray(np.stack(waves, -1).round().astype(np.uint8).squeeze())


def pixels(path, shape, crop=None):
    image = decoding.square_image(path.read_bytes(), *shape[:2], crop)
    return functional.pil_to_tensor(image).numpy()


def files(folder, names):
    return {name: ImageFile(f"{folder}/{name}") for name in names}


def theirs(image, side):
    """torchvision's resize and centre crop, uint8 [C, side, side]."""
    scaled = functional.resize(image, side)
    return functional.pil_to_tensor(functional.center_crop(scaled, [side, side])).numpy()


@pytest.mark.parametrize("size", [(100, 64), (64, 100), (20, 33), (40, 40)])
def test_the_centred_square_is_resized_as_torchvision_does_it(tmp_path, size):
    image = picture(*size)
    image.save(tmp_path / "a.png")
    ours = pixels(tmp_path / "a.png", (3, 32, 32))
    assert abs(ours.astype(int) - theirs(image, 32)).max() <= 6  # half a pixel beside theirs
    assert abs(ours.astype(int) - theirs(image, 32)).mean() < 2


@pytest.mark.parametrize("size", [(178, 218), (60, 31)])  # the first is that of CelebA
def test_a_crop_is_cut_out_before_as_torchvision_does_it(tmp_path, size):
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8))
    image.save(tmp_path / "a.png")
    side = min(148, *size)
    cut = functional.resize(functional.center_crop(image, [side, side]), [64, 64])
    ours = pixels(tmp_path / "a.png", (3, 64, 64), crop=side)
    np.testing.assert_array_equal(ours, functional.pil_to_tensor(cut))


def test_what_has_the_size_is_not_touched(tmp_path):
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8))
    image.save(tmp_path / "a.png")
    np.testing.assert_array_equal(
        pixels(tmp_path / "a.png", (3, 16, 16)), np.asarray(image).transpose(2, 0, 1)
    )


def test_a_large_jpeg_read_at_a_part_of_its_size_is_nearly_the_one_read_whole(tmp_path):
    image = picture(1024, 768)
    image.save(tmp_path / "a.jpg", quality=95)
    ours = pixels(tmp_path / "a.jpg", (3, 32, 32))
    assert abs(ours.astype(int) - theirs(image, 32)).max() <= 8


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "CMYK"])
@pytest.mark.parametrize("channels", [1, 3])
def test_any_mode_becomes_grey_or_rgb_as_pillow_has_it(tmp_path, mode, channels):
    image = picture(16, 16).convert(mode)
    image.save(tmp_path / "a.tiff")
    expected = np.asarray(image.convert({1: "L", 3: "RGB"}[channels])).reshape(16, 16, channels)
    ours = pixels(tmp_path / "a.tiff", (channels, 16, 16))
    np.testing.assert_array_equal(ours, expected.transpose(2, 0, 1))


def test_sixteen_bits_keep_their_upper_eight(tmp_path):
    levels = np.arange(64, dtype=np.uint16).reshape(8, 8) * 1040
    Image.fromarray(levels).save(tmp_path / "a.png")
    for channels in (1, 3):
        ours = pixels(tmp_path / "a.png", (channels, 8, 8))
        np.testing.assert_array_equal(ours, np.broadcast_to(levels >> 8, (channels, 8, 8)))


def test_levels_without_a_known_white_are_refused(tmp_path):
    Image.fromarray(np.ones((8, 8), np.float32)).save(tmp_path / "a.tiff")
    with pytest.raises(ValueError, match="not those of 8 or 16 bits"):
        pixels(tmp_path / "a.tiff", (1, 8, 8))


def test_a_photograph_is_turned_as_its_exif_data_say(tmp_path):
    image = picture(40, 40)
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright: turn clockwise
    image.save(tmp_path / "a.png", exif=exif)
    turned = np.asarray(image.rotate(-90)).transpose(2, 0, 1)
    np.testing.assert_array_equal(pixels(tmp_path / "a.png", (3, 40, 40)), turned)


@pytest.fixture
def folder(tmp_path):
    for i in range(25):
        picture(8, 8, seed=i).save(tmp_path / f"{i:02}.png")
    return tmp_path


@pytest.mark.parametrize("job", [1, 4, 1000])
def test_the_images_are_in_order_whatever_the_jobs_and_the_broken_ones_left_out(folder, monkeypatch, job):
    monkeypatch.setattr(decoding, "JOB_IMAGES", job)
    names = [f"{i:02}.png" for i in range(25)]
    (folder / "03.png").write_bytes((folder / "03.png").read_bytes()[:60])
    (folder / "17.png").write_bytes(b"<html>")
    (folder / "24.png").unlink()
    images, broken = decode_files(files(folder, names), (3, 8, 8), folder / "scratch")
    good = [i for i in range(25) if i not in (3, 17, 24)]
    expected = np.stack([np.asarray(picture(8, 8, seed=i)).transpose(2, 0, 1) for i in good])
    assert images.shape == expected.shape
    np.testing.assert_array_equal(images[:], expected)
    order = np.random.default_rng(0).permutation(len(good))
    np.testing.assert_array_equal(images[order], expected[order])
    assert list(broken) == [3, 17, 24]
    assert [line.split(" (")[0] for line in broken.values()] == ["03.png", "17.png", "24.png"]
    assert list((folder / "scratch").iterdir()) == []


def test_a_process_that_is_killed_is_one_line_and_leaves_no_file(folder, monkeypatch):
    monkeypatch.setattr(decoding, "JOB_IMAGES", 4)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    monkeypatch.setattr(decoding, "square_image", lambda *_: os._exit(1))
    with pytest.raises(decoding.VaelineError, match="a process that decoded images was ended"):
        decode_files(files(folder, [f"{i:02}.png" for i in range(25)]), (3, 8, 8), folder / "scratch")
    assert list((folder / "scratch").iterdir()) == []


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_what_is_in_a_zip_archive_is_read_in_its_place(tmp_path, compression):
    contents = {f"b/{i}.txt": bytes([i]) * 100 * i for i in range(4)} | {"a.txt": b"first"}
    with zipfile.ZipFile(tmp_path / "a.zip", "w", compression) as packed:
        packed.mkdir("b")
        for name, content in contents.items():
            info = zipfile.ZipInfo(name)
            info.compress_type, info.extra = compression, b"\x99\x99\x04\x00more"
            packed.writestr(info, content)
    found = archive_members(tmp_path / "a.zip")
    assert list(found) == sorted(contents)
    assert {name: member.read() for name, member in found.items()} == contents
