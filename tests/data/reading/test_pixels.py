"""What becomes of one image's pixels."""

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from torchvision.transforms import functional

from tests.support.published import picture, png, png_chunk
from vaeline.data.reading import pictures
from vaeline.data.reading.pictures import UnreadableImageError, picture_extensions
from vaeline.data.reading.pixels import Form, square_image

ORIENTATION = 0x0112
PHOTOMETRIC = 262


def squared(content, channels=3, side=8, **form):
    """The pixels of the square, uint8 [C, side, side]."""
    return functional.pil_to_tensor(square_image(content, Form(channels, side, **form)).image).numpy()


def encoded(image, kind="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def theirs(image, side):
    """torchvision's resize and centre crop, uint8 [C, side, side]."""
    scaled = functional.resize(image, side)
    return functional.pil_to_tensor(functional.center_crop(scaled, [side, side])).numpy()


@pytest.mark.parametrize("size", [(100, 64), (64, 100), (20, 33), (40, 40)])
def test_the_centred_square_is_resized_as_by_torchvision(size):
    image = picture(*size)
    difference = abs(squared(encoded(image), side=32).astype(int) - theirs(image, 32))
    assert difference.max() <= 6  # half a pixel away from theirs
    assert difference.mean() < 2


@pytest.mark.parametrize("size", [(178, 218), (60, 31)])  # the first is that of CelebA
def test_a_crop_is_cut_out_first_as_by_torchvision(size):
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8))
    side = min(148, *size)
    cut = functional.resize(functional.center_crop(image, [side, side]), [64, 64])
    ours = squared(encoded(image), side=64, crop=side)
    np.testing.assert_array_equal(ours, functional.pil_to_tensor(cut))


def test_an_image_of_the_right_size_is_unchanged():
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8))
    np.testing.assert_array_equal(squared(encoded(image), side=16), np.asarray(image).transpose(2, 0, 1))


def test_a_large_jpeg_decoded_at_reduced_size_is_nearly_the_one_decoded_whole():
    image = picture(1024, 768)
    ours = squared(encoded(image, "JPEG", quality=95), side=32)
    assert abs(ours.astype(int) - theirs(image, 32)).max() <= 8


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "CMYK"])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_mode_is_converted_to_grey_or_rgb_as_by_pillow(mode, channels):
    image = picture(16, 16).convert(mode)
    expected = np.asarray(image.convert({1: "L", 3: "RGB"}[channels])).reshape(16, 16, channels)
    ours = squared(encoded(image, "TIFF"), channels, side=16)
    np.testing.assert_array_equal(ours, expected.transpose(2, 0, 1))


LEVELS = np.arange(64, dtype=np.uint16).reshape(8, 8) * 1040
SIXTEEN_BITS = {
    "PNG": encoded(Image.fromarray(LEVELS)),
    "TIFF": encoded(Image.fromarray(LEVELS), "TIFF"),
    "TIFF, white is 0": encoded(Image.fromarray(65535 - LEVELS), "TIFF", tiffinfo={PHOTOMETRIC: 0}),
    "JPEG 2000": encoded(Image.fromarray(LEVELS), "JPEG2000"),
    "PGM": b"P5\n8 8\n65535\n" + LEVELS.astype(">u2").tobytes(),
    "PGM as text": b"P2\n8 8\n65535\n" + " ".join(map(str, LEVELS.flat)).encode(),
}


@pytest.mark.parametrize("content", SIXTEEN_BITS.values(), ids=SIXTEEN_BITS)
@pytest.mark.parametrize("channels", [1, 3])
def test_sixteen_bit_images_keep_their_upper_eight_bits(content, channels):
    np.testing.assert_array_equal(squared(content, channels), np.broadcast_to(LEVELS >> 8, (channels, 8, 8)))


@pytest.mark.parametrize("white", [255, 1023, 4095, 65535])
def test_levels_of_a_pgm_are_relative_to_its_own_white(white):
    levels = np.linspace(0, white, 64).astype(">u2" if white > 255 else "u1").reshape(8, 8)
    ours = squared(b"P5\n8 8\n%d\n" % white + levels.tobytes(), channels=1)
    assert abs(ours[0].astype(float) - 255 * (levels / white)).max() <= 1


@pytest.mark.parametrize("levels", [np.ones((8, 8), np.float32), np.ones((8, 8), np.int32)])
def test_levels_without_a_defined_white_are_rejected(levels):
    with pytest.raises(UnreadableImageError, match="not those of 8 or 16 bits"):
        squared(encoded(Image.fromarray(levels), "TIFF"), channels=1)


@pytest.mark.parametrize(
    "image", [picture(40, 40), Image.fromarray(np.arange(1600, dtype=np.uint16).reshape(40, 40) * 40)]
)
def test_a_photograph_is_rotated_according_to_its_exif_data(image):
    exif = Image.Exif()
    exif[ORIENTATION] = 6  # the camera was held upright: turn clockwise
    rotated = squared(encoded(image.transpose(Image.Transpose.ROTATE_270)), side=40)
    np.testing.assert_array_equal(squared(encoded(image, exif=exif), side=40), rotated)


def test_damaged_exif_data_do_not_make_an_image_unreadable():
    image = picture(8, 8)
    content = encoded(image, exif=b"Exif\0\0II*\0\xff\xff\xff\x7f damaged")
    np.testing.assert_array_equal(squared(content), np.asarray(image).transpose(2, 0, 1))


def eight_bit(levels, depth):
    return levels >> 8 if depth == 16 else levels * (255 // (2**depth - 1))


@st.composite
def transparent_pngs(draw):
    """A PNG of any kind with transparent pixels, and its levels in eight bits, [H, W, RGBA]."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    kind, depth = draw(
        st.sampled_from(
            [
                (0, 1),
                (0, 2),
                (0, 4),
                (0, 8),
                (0, 16),
                (2, 8),
                (2, 16),
                (4, 8),
                (4, 16),
                (6, 8),
                (6, 16),
                (3, 8),
            ]
        )
    )
    planes = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[kind]
    levels = rng.integers(0, 2**depth, (8, 8, planes))
    shown = eight_bit(levels, depth)
    if kind in (4, 6):
        colour, alpha = np.broadcast_to(shown[..., :-1], (8, 8, 3)), shown[..., -1]
        return png(levels, depth, kind), np.dstack([colour, alpha])
    if kind == 3:
        palette, opacity = rng.integers(0, 256, (256, 3)), rng.integers(0, 256, 256)
        extra = png_chunk(b"PLTE", bytes(palette.flatten().tolist())) + png_chunk(
            b"tRNS", bytes(opacity.tolist())
        )
        return png(levels, depth, kind, extra), np.dstack([palette[levels[..., 0]], opacity[levels[..., 0]]])
    levels[rng.random((8, 8)) < 0.3] = key = levels[3, 3].copy()
    shown = eight_bit(levels, depth)
    alpha = np.where((levels == key).all(-1), 0, 255)
    extra = png_chunk(b"tRNS", b"".join(struct.pack(">H", level) for level in key.tolist()))
    return png(levels, depth, kind, extra), np.dstack([np.broadcast_to(shown, (8, 8, 3)), alpha])


@given(transparent_pngs(), st.sampled_from([("white", 255), ("black", 0)]))
def test_transparent_pixels_are_laid_on_the_background(example, ground):
    content, rgba = example
    background, level = ground
    colour, share = rgba[..., :3], rgba[..., 3:] / 255
    square = square_image(content, Form(3, 8, background=background))
    assert square.transparent == bool((share < 1).any())
    assert abs(np.asarray(square.image) - (share * colour + (1 - share) * level)).max() <= 1


def test_the_key_colour_of_a_gif_is_transparent():
    levels = np.indices((8, 8)).sum(0) % 2
    image = Image.fromarray(levels.astype(np.uint8)).convert("P")
    image.putpalette([255, 0, 255, 200, 30, 30])
    ours = squared(encoded(image, "GIF", transparency=0))
    expected = np.where(levels, np.array([200, 30, 30])[:, None, None], 255)
    np.testing.assert_array_equal(ours, expected)


def test_what_lies_under_transparent_pixels_does_not_bleed_into_others():
    rgba = np.full((32, 32, 4), (0, 255, 0, 0), np.uint8)
    rgba[:, 16:] = (255, 0, 0, 255)
    ours = squared(encoded(Image.fromarray(rgba)), background="black")
    assert ours[1].max() == 0


def test_an_opaque_image_with_an_alpha_channel_is_not_called_transparent():
    content = encoded(picture(8, 8).convert("RGBA"))
    square = square_image(content, Form(3, 8))
    assert not square.transparent
    np.testing.assert_array_equal(np.asarray(square.image), np.asarray(picture(8, 8)))


@pytest.mark.parametrize("packed", [True, False])
def test_long_texts_in_a_png_are_skipped(packed):
    info = PngInfo()
    info.add_text("workflow", "x" * 70_000_000 if packed else "x" * 3_000_000, zip=packed)
    image = picture(8, 8)
    np.testing.assert_array_equal(squared(encoded(image, pnginfo=info)), np.asarray(image).transpose(2, 0, 1))


def test_an_image_beyond_pillows_limit_is_read():
    """200 million pixels, black but for the left half."""
    width, height = 2_000_000, 100
    row = b"\0" + b"\xff" * (width // 16) + b"\0" * (width // 16)
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    content = pictures.PNG_START + png_chunk(b"IHDR", header)
    content += png_chunk(b"IDAT", zlib.compress(row * height)) + png_chunk(b"IEND", b"")
    assert squared(content, channels=1, crop=8).tolist() == [[[255] * 4 + [0] * 4] * 8]


def test_an_image_beyond_our_limit_is_rejected_in_words(monkeypatch):
    monkeypatch.setattr(pictures, "LARGEST", 1_000_000)
    with pytest.raises(UnreadableImageError, match=r"its 2000 × 1000 pixels are more than .* scale it down"):
        squared(encoded(Image.new("1", (2000, 1000))))


@pytest.mark.parametrize(
    ("content", "reason"), [(b"", "it is empty"), (b"<html>", "it is no image that Pillow reads")]
)
def test_what_is_no_image_is_said_in_words(content, reason):
    with pytest.raises(UnreadableImageError, match=f"^{reason}$"):
        squared(content)


@pytest.mark.parametrize(
    ("kind", "extension"),
    [("AVIF", ".avif"), ("JPEG", ".jfif"), ("MPO", ".mpo"), ("QOI", ".qoi"), ("TGA", ".tga")],
)
def test_every_format_that_pillow_decodes_is_read(kind, extension):
    assert extension in picture_extensions()
    options = {"save_all": True, "append_images": [picture(8, 8)]} if kind == "MPO" else {}
    ours = squared(encoded(Image.new("RGB", (8, 8), (200, 100, 0)), kind, **options))
    assert abs(ours.mean((1, 2)) - (200, 100, 0)).max() <= 6


def test_formats_that_pillow_names_without_decoding_are_not_taken_for_pictures():
    assert not picture_extensions() & {
        ".pdf",
        ".eps",
        ".ps",
        ".mpg",
        ".h5",
        ".grib",
        ".wmf",
        ".fits",
        ".pfm",
        "",
    }
    assert {".png", ".jpg", ".tif", ".webp", ".bmp", ".gif", ".pgm", ".jp2"} <= picture_extensions()


SOUND = [
    encoded(picture(9, 7), kind)
    for kind in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "TGA", "AVIF", "ICO")
]
SOUND += [*SIXTEEN_BITS.values(), encoded(picture(9, 7).convert("RGBA")), encoded(picture(9, 7).convert("P"))]


@given(st.data())
def test_a_damaged_image_is_an_image_or_an_error(data):
    content = bytearray(data.draw(st.sampled_from(SOUND)))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    del content[data.draw(st.integers(1, len(content))) :]
    try:
        square = square_image(bytes(content), Form(3, 8))
    except Exception:  # anything that is one: the file is then left out
        return
    assert (square.image.mode, square.image.size) == ("RGB", (8, 8))
