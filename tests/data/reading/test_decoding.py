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
    """A smooth picture, for which all sound ways of resizing give nearly the same result."""
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
def test_the_centred_square_is_resized_as_by_torchvision(tmp_path, size):
    image = picture(*size)
    image.save(tmp_path / "a.png")
    ours = pixels(tmp_path / "a.png", (3, 32, 32))
    assert abs(ours.astype(int) - theirs(image, 32)).max() <= 6  # half a pixel away from theirs
    assert abs(ours.astype(int) - theirs(image, 32)).mean() < 2


@pytest.mark.parametrize("size", [(178, 218), (60, 31)])  # the first is that of CelebA
def test_a_crop_is_cut_out_first_as_by_torchvision(tmp_path, size):
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8))
    image.save(tmp_path / "a.png")
    side = min(148, *size)
    cut = functional.resize(functional.center_crop(image, [side, side]), [64, 64])
    ours = pixels(tmp_path / "a.png", (3, 64, 64), crop=side)
    np.testing.assert_array_equal(ours, functional.pil_to_tensor(cut))


def test_an_image_of_the_right_size_is_unchanged(tmp_path):
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8))
    image.save(tmp_path / "a.png")
    np.testing.assert_array_equal(
        pixels(tmp_path / "a.png", (3, 16, 16)), np.asarray(image).transpose(2, 0, 1)
    )


def test_a_large_jpeg_decoded_at_reduced_size_is_nearly_the_one_decoded_whole(tmp_path):
    image = picture(1024, 768)
    image.save(tmp_path / "a.jpg", quality=95)
    ours = pixels(tmp_path / "a.jpg", (3, 32, 32))
    assert abs(ours.astype(int) - theirs(image, 32)).max() <= 8


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "CMYK"])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_mode_is_converted_to_grey_or_rgb_as_by_pillow(tmp_path, mode, channels):
    image = picture(16, 16).convert(mode)
    image.save(tmp_path / "a.tiff")
    expected = np.asarray(image.convert({1: "L", 3: "RGB"}[channels])).reshape(16, 16, channels)
    ours = pixels(tmp_path / "a.tiff", (channels, 16, 16))
    np.testing.assert_array_equal(ours, expected.transpose(2, 0, 1))


def test_sixteen_bit_images_keep_their_upper_eight_bits(tmp_path):
    levels = np.arange(64, dtype=np.uint16).reshape(8, 8) * 1040
    Image.fromarray(levels).save(tmp_path / "a.png")
    for channels in (1, 3):
        ours = pixels(tmp_path / "a.png", (channels, 8, 8))
        np.testing.assert_array_equal(ours, np.broadcast_to(levels >> 8, (channels, 8, 8)))


def test_modes_without_a_defined_white_are_rejected(tmp_path):
    Image.fromarray(np.ones((8, 8), np.float32)).save(tmp_path / "a.tiff")
    with pytest.raises(ValueError, match="not those of 8 or 16 bits"):
        pixels(tmp_path / "a.tiff", (1, 8, 8))


def test_a_photograph_is_rotated_according_to_its_exif_data(tmp_path):
    image = picture(40, 40)
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright: turn clockwise
    image.save(tmp_path / "a.png", exif=exif)
    rotated = np.asarray(image.rotate(-90)).transpose(2, 0, 1)
    np.testing.assert_array_equal(pixels(tmp_path / "a.png", (3, 40, 40)), rotated)


@pytest.fixture
def folder(tmp_path):
    for i in range(25):
        picture(8, 8, seed=i).save(tmp_path / f"{i:02}.png")
    return tmp_path


@pytest.mark.parametrize("job", [1, 4, 1000])
def test_images_stay_in_order_for_any_job_size_and_broken_ones_are_left_out(folder, monkeypatch, job):
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


def test_a_killed_process_is_a_one_line_error_and_leaves_no_file(folder, monkeypatch):
    monkeypatch.setattr(decoding, "JOB_IMAGES", 4)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    monkeypatch.setattr(decoding, "square_image", lambda *_: os._exit(1))
    with pytest.raises(decoding.VaelineError, match="a process that decoded images was killed"):
        decode_files(files(folder, [f"{i:02}.png" for i in range(25)]), (3, 8, 8), folder / "scratch")
    assert list((folder / "scratch").iterdir()) == []


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
