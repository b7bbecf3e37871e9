"""The pictures of the page."""

import base64
import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from vaeline.reporting.plots.palette import PALETTE
from vaeline.serving.explore.playground import Playground

STRIP_GAP = 2  # pixels between images of a strip


def enlarged(image: np.ndarray, side: int) -> Image.Image:
    """Returns an image [C, H, W] in [0, 1], about `side` pixels high, its pixels seen as squares."""
    levels = (np.moveaxis(image, 0, -1).clip(0, 1) * 255).round().astype(np.uint8)
    picture = Image.fromarray(levels[..., 0] if levels.shape[-1] == 1 else levels)
    factor = max(1, side // picture.height)
    return picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.NEAREST)


def address(picture: Image.Image) -> str:
    """Returns a picture as an address that holds it, of which a browser requests nothing."""
    file = io.BytesIO()
    picture.save(file, "png")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def strip(images: np.ndarray, side: int) -> Image.Image:
    """Returns images [N, C, H, W] in [0, 1] in a row, each about `side` pixels high."""
    pictures = [enlarged(image, side) for image in images]
    width, height = pictures[0].size
    row = Image.new("RGB", (len(pictures) * (width + STRIP_GAP) - STRIP_GAP, height), "white")
    for place, picture in enumerate(pictures):
        row.paste(picture, (place * (width + STRIP_GAP), 0))
    return row


def map_picture(playground: Playground, side: int, reach: float) -> Image.Image:
    """Returns the reference images in the plane of the first two dimensions, from −reach to reach.

    Axes fill the picture, so that a point of it is a point of latent space.
    """
    from matplotlib.figure import Figure

    x, y = map_dimensions(playground)
    figure = Figure(figsize=(side / 200, side / 200), dpi=200)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), xticks=[], yticks=[])
    axes.axhline(0, color="#ddd", linewidth=0.8, zorder=0)
    axes.axvline(0, color="#ddd", linewidth=0.8, zorder=0)
    axes.scatter(playground.means[:, x], playground.means[:, y], s=5, c=_colours(playground), linewidths=0)
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return Image.open(file)


def map_dimensions(playground: Playground) -> tuple[int, int]:
    """Returns the two dimensions of the map: the first two, or twice the only one."""
    first, second = playground.dimensions[0], playground.dimensions[min(1, len(playground.dimensions) - 1)]
    return first.index, second.index


def _colours(playground: Playground) -> Sequence[str]:
    labels = playground.reference.labels
    if labels is None:
        return [PALETTE[0]] * len(playground.means)
    return [PALETTE[label % len(PALETTE)] for label in labels.tolist()]
