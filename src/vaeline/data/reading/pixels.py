"""The pixels of an encoded image: in eight bits, upright, without transparency, and square."""

import functools
import io
from typing import Literal, NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

MODES = {1: "L", 3: "RGB"}
UNSCALED_MODES = ("I", "F")
"""Modes that do not define which level is white."""
LARGEST = 1 << 29
"""Pixels of the largest image that is read; in memory it takes 2 GB."""
COMMON_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "PPM", "TIFF", "WEBP")
"""They are tried first, since a few of the others are recognised by little."""
OTHER_FORMATS = frozenset({"BUFR", "EPS", "FITS", "GRIB", "HDF5", "IPTC", "MCIDAS", "MPEG", "PDF", "WMF"})
"""What Pillow opens but cannot decode, or only with another program, and data that are no pictures."""
OTHER_EXTENSIONS = frozenset({".pfm"})
"""The levels of a floating-point map have no white."""
PNG_START = b"\x89PNG\r\n\x1a\n"
PNG_TEXTS = (b"tEXt", b"zTXt", b"iTXt", b"iCCP")

Background = Literal["white", "black"]


class UnreadableImageError(ValueError):
    """An image that cannot be read; the text is the reason."""


class Form(NamedTuple):
    """What each image becomes.

    Attributes:
        channels: 1 is grey, 3 RGB.
        side: in pixels.
        crop: side of the centred square that is cut out first, if any.
        background: what transparent images are laid on.
    """

    channels: int
    side: int
    crop: int | None = None
    background: Background = "white"

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, S, S)."""
        return self.channels, self.side, self.side


class Square(NamedTuple):
    """An image in its form, and whether it had transparent pixels."""

    image: Image.Image
    transparent: bool


@functools.cache
def picture_formats() -> tuple[str, ...]:
    """Returns the formats that the installed Pillow decodes."""
    Image.init()
    others = sorted(set(Image.OPEN) - set(COMMON_FORMATS) - OTHER_FORMATS)
    return (*COMMON_FORMATS, *others)


@functools.cache
def picture_extensions() -> frozenset[str]:
    """Returns the extensions of these formats, in lower case and with their dot."""
    formats = {*picture_formats(), "MPO"}  # a JPEG with further images behind it, opened as JPEG
    extensions = {name for name, known in Image.registered_extensions().items() if known in formats}
    return frozenset(extensions) - OTHER_EXTENSIONS


def square_image(content: bytes, form: Form) -> Square:
    """Returns the largest centred square of an image, resized, in grey or RGB.

    An image of 16 bits keeps its upper eight. Of an animation, it is the first frame.

    Raises:
        UnreadableImageError: if the content is no picture, it is too large, or its mode does not define which
            level is white; and whatever Pillow raises if it is damaged.
    """
    image, transparent = _opaque(_upright(_eight_bits(_opened(content, form))), form)
    if form.crop is not None:
        image = image.crop(_centred_box(*image.size, form.crop))
    if image.size != (form.side, form.side):
        box = _largest_square(*image.size)
        image = image.resize((form.side, form.side), Image.Resampling.BILINEAR, box)
    return Square(image, transparent)


def _opened(content: bytes, form: Form) -> Image.Image:
    if not content:
        raise UnreadableImageError("it is empty")
    Image.MAX_IMAGE_PIXELS = (
        None  # Pillow's limit is half of the one below, and calls a large image an attack
    )
    try:
        image: Image.Image = Image.open(io.BytesIO(_without_texts(content)), formats=picture_formats())
    except UnidentifiedImageError:
        raise UnreadableImageError("it is no image that Pillow reads") from None
    if form.crop is None:
        # Lets Pillow decode a large JPEG at a half or less of its size, if that is at least twice `side`.
        image.draft(MODES[form.channels], (2 * form.side, 2 * form.side))
    width, height = image.size
    if width * height > LARGEST:
        raise UnreadableImageError(
            f"its {width} × {height} pixels are more than the {LARGEST / 1e6:.0f} million that are read: "
            "scale it down"
        )
    if "transparency" in image.info:
        image.info["transparency"] = _transparent_level(image)
    return image


def _without_texts(content: bytes) -> bytes:
    """Returns a PNG without its texts and colour profile, which Pillow refuses if they are long."""
    if not content.startswith(PNG_START) or not any(kind in content for kind in PNG_TEXTS):
        return content
    kept, start = [PNG_START], len(PNG_START)
    while start < len(content):
        end = start + 12 + int.from_bytes(content[start : start + 4])  # length, kind, data, checksum
        if content[start + 4 : start + 8] not in PNG_TEXTS:
            kept.append(content[start:end])
        start = end
    return b"".join(kept)


def _transparent_level(image: Image.Image) -> object:
    """Returns a PNG's transparent level or colour in eight bits, as its pixels will be.

    Pillow leaves it as it is in the file, where levels may have 2, 4 or 16 bits.
    """
    level = image.info["transparency"]
    tile = getattr(image, "tile", None)
    raw = tile[0].args if tile else None
    if isinstance(level, int) and raw in ("L;2", "L;4"):
        return level * (85 if raw == "L;2" else 17)
    if isinstance(level, tuple) and raw == "RGB;16B":
        return tuple(value >> 8 for value in level)
    return level


def _eight_bits(image: Image.Image) -> Image.Image:
    # A PGM of more than 8 bits is opened in mode I, its white at 65,535 whatever the file's is.
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PPM"):
        return _upper_bits(image)
    if image.mode in UNSCALED_MODES:
        raise UnreadableImageError(f"its levels are not those of 8 or 16 bits (mode {image.mode})")
    return image


def _upper_bits(image: Image.Image) -> Image.Image:
    levels = np.asarray(image)  # convert() would clip
    if image.format == "TIFF" and getattr(image, "tag_v2", {}).get(262) == 0:  # white is 0
        levels = 65535 - levels
    upper = Image.fromarray((levels >> 8).astype(np.uint8))
    upper.info = dict(image.info)
    if isinstance(level := upper.info.pop("transparency", None), int):
        upper.putalpha(Image.fromarray(np.where(levels == level, 0, 255).astype(np.uint8)))
    return upper


def _upright(image: Image.Image) -> Image.Image:
    """Returns a photograph as its EXIF data say that the camera was held; damaged ones say nothing."""
    if "exif" not in image.info:
        return image
    image.load()  # what is damaged in the pixels must not be taken for damaged EXIF data
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # damaged data raise anything
        return image


def _opaque(image: Image.Image, form: Form) -> tuple[Image.Image, bool]:
    """Returns the image in its mode, laid on the background, and whether it had transparent pixels."""
    mode = MODES[form.channels]
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        if layer.getchannel("A").getextrema()[0] != 255:
            ground = Image.new("RGBA", layer.size, form.background)
            ground.alpha_composite(layer)
            return ground.convert(mode), True
    return (image if image.mode == mode else image.convert(mode)), False


def _largest_square(width: int, height: int) -> tuple[float, float, float, float]:
    """Returns the box of the largest centred square: left, upper, right, lower."""
    side = min(width, height)
    left, upper = (width - side) / 2, (height - side) / 2
    return left, upper, left + side, upper + side


def _centred_box(width: int, height: int, side: int) -> tuple[int, int, int, int]:
    """Returns the box of the centred square of `side` pixels, cut to the image where that is smaller."""
    across, down = min(side, width), min(side, height)
    left, upper = (width - across) // 2, (height - down) // 2
    return left, upper, left + across, upper + down
