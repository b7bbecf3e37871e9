"""The pixels of an encoded image: in eight bits, upright, without transparency, and square."""

from typing import Literal, NamedTuple

import numpy as np
from PIL import Image, ImageOps
from pydantic import Field

from vaeline.core.params import BaseOptions
from vaeline.data.reading.pictures import UnreadableImageError, opened_picture

MODES = {1: "L", 3: "RGB"}
UNSCALED_MODES = ("I", "F")
"""Modes that do not define which level is white."""
Background = Literal["white", "black"]


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


class PictureOptions(BaseOptions):
    """What the user's pictures become: squares of `side` pixels, laid on `background` where transparent."""

    side: int = Field(64, ge=8, le=1024)
    mode: Literal["grey", "rgb"] = "rgb"
    background: Background = "white"

    @property
    def form(self) -> Form:
        """The same as a form."""
        return Form(1 if self.mode == "grey" else 3, self.side, background=self.background)


class Square(NamedTuple):
    """An image in its form, and whether it had transparent pixels."""

    image: Image.Image
    transparent: bool


def square_image(content: bytes, form: Form) -> Square:
    """Returns the largest centred square of an image, resized, in grey or RGB.

    An image of 16 bits keeps its upper eight. Of an animation, it is the first frame.

    Raises:
        UnreadableImageError: if the content is no picture, it is too large, or its mode does not define which
            level is white; and whatever Pillow raises if it is damaged.
    """
    image = opened_picture(content, MODES[form.channels], form.side if form.crop is None else None)
    image, transparent = _opaque(_upright(_eight_bits(image)), form)
    if form.crop is not None:
        image = image.crop(_centred_box(*image.size, form.crop))
    if image.size != (form.side, form.side):
        box = _largest_square(*image.size)
        image = image.resize((form.side, form.side), Image.Resampling.BILINEAR, box)
    return Square(image, transparent)


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
