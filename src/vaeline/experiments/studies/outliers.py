"""Images that are no digits, or no longer: what a detector of anomalies is tried on."""

from collections.abc import Callable, Mapping

import numpy as np
from PIL import Image, ImageDraw

Outliers = Callable[[np.ndarray, np.random.Generator], np.ndarray]
"""Of uint8 images [N, 1, H, W], as many outliers of their shape."""

OVERSAMPLED = 4  # shapes are drawn larger, and then reduced, for smooth edges


def shapes(images: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Returns white discs, squares and triangles at random places."""
    return np.stack([_shape(images.shape[-1], kind % 3, generator) for kind in range(len(images))])[:, None]


def dots(images: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Returns black images with one white square of 2 × 2 pixels."""
    drawn = np.zeros_like(images)
    height, width = images.shape[-2:]
    for image in drawn:
        row, column = (
            generator.integers(height // 4, 3 * height // 4),
            generator.integers(width // 4, 3 * width // 4),
        )
        image[0, row : row + 2, column : column + 2] = 255
    return drawn


def black(images: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Returns nearly black images: each pixel of level 0, 1 or 2."""
    return generator.integers(0, 3, images.shape, np.uint8)


def noise(images: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Returns uniform noise."""
    return generator.integers(0, 256, images.shape, np.uint8)


def inverted(images: np.ndarray, _: np.random.Generator) -> np.ndarray:
    """Returns the negatives."""
    return 255 - images


def upside_down(images: np.ndarray, _: np.random.Generator) -> np.ndarray:
    """Returns the images mirrored from top to bottom; some digits remain digits."""
    return np.ascontiguousarray(images[..., ::-1, :])


def turned(images: np.ndarray, _: np.random.Generator) -> np.ndarray:
    """Returns the images turned by a quarter."""
    return np.ascontiguousarray(np.rot90(images, axes=(-2, -1)))


def halved(images: np.ndarray, _: np.random.Generator) -> np.ndarray:
    """Returns the images with their right half black."""
    left = images.copy()
    left[..., images.shape[-1] // 2 :] = 0
    return left


OUTLIERS: Mapping[str, Outliers] = {
    "noise": noise,
    "inverted digits": inverted,
    "shapes": shapes,
    "digits turned by a quarter": turned,
    "digits upside down": upside_down,
    "left halves of digits": halved,
    "nearly black images": black,
    "single dots": dots,
}


def _shape(side: int, kind: int, generator: np.random.Generator) -> np.ndarray:
    """Returns a disc, square or triangle, uint8 [side, side]."""
    picture = Image.new("L", (OVERSAMPLED * side, OVERSAMPLED * side))
    pen = ImageDraw.Draw(picture)
    x, y = (OVERSAMPLED * side * generator.uniform(0.35, 0.65, 2)).tolist()
    radius = OVERSAMPLED * side * float(generator.uniform(0.1, 0.3))
    box = (x - radius, y - radius, x + radius, y + radius)
    draw = (
        lambda: pen.ellipse(box, fill=255),
        lambda: pen.rectangle(box, fill=255),
        lambda: pen.regular_polygon((x, y, radius), 3, rotation=int(generator.integers(360)), fill=255),
    )
    draw[kind]()
    return np.asarray(picture.resize((side, side), Image.Resampling.BOX))
