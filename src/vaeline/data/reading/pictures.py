"""Opening pictures: which formats are read, and what Pillow refuses or mistakes in them."""

import functools
import io

from PIL import Image, UnidentifiedImageError

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


class UnreadableImageError(ValueError):
    """An image that cannot be read; the text is the reason."""


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


def opened_picture(content: bytes, mode: str, side: int | None) -> Image.Image:
    """Returns an image that is not decoded yet, a large JPEG at a part of its size.

    Args:
        content: the encoded image.
        mode: the mode to decode a JPEG to.
        side: the side that it will have in the end; None if all of its pixels are needed.

    Raises:
        UnreadableImageError: if the content is no picture, or it is too large.
    """
    if not content:
        raise UnreadableImageError("it is empty")
    Image.MAX_IMAGE_PIXELS = (
        None  # Pillow's limit is half of the one below, and calls a large image an attack
    )
    try:
        image: Image.Image = Image.open(io.BytesIO(_without_texts(content)), formats=picture_formats())
    except UnidentifiedImageError:
        raise UnreadableImageError("it is no image that Pillow reads") from None
    if side is not None:
        # Lets Pillow decode a large JPEG at a half or less of its size, if that is at least twice `side`.
        image.draft(mode, (2 * side, 2 * side))
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
    if not content.startswith(PNG_START):
        return content
    if not (b"EXt" in content or b"TXt" in content or b"iCCP" in content):  # half the time of `any`
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
