"""A field to draw an image on, as large as the model's images."""

import numpy as np
from PIL import Image, ImageDraw

PEN = 0.07  # width of a stroke, relative to the side of the field


class Drawing:
    """White strokes on black, or black on white where the model's images have a bright ground.

    Args:
        shape: (C, H, W) of an image.
        field: Width of the field in which strokes are drawn, in pixels; it has the proportions of an image.
        bright: Whether the ground is white.
    """

    def __init__(self, shape: tuple[int, ...], field: int, bright: bool) -> None:
        self.shape, self.ground, self.ink = shape, 255 * bright, 255 * (not bright)
        self.picture = Image.new("L", (field, round(field * shape[1] / shape[2])), self.ground)
        self.last: tuple[float, float] | None = None

    def move_to(self, x: float, y: float) -> None:
        """Begins a stroke at a point of the field."""
        self.last = x, y
        self.line_to(x, y)

    def line_to(self, x: float, y: float) -> None:
        """Draws from the last point to another, if a stroke has begun."""
        if self.last is None:
            return
        pen = ImageDraw.Draw(self.picture)
        radius = PEN * self.picture.width / 2
        pen.line([*self.last, x, y], fill=self.ink, width=round(2 * radius))
        pen.ellipse([x - radius, y - radius, x + radius, y + radius], fill=self.ink)
        self.last = x, y

    def lift(self) -> None:
        """Ends the stroke."""
        self.last = None

    def image(self) -> np.ndarray:
        """Returns the drawing as an image of the model, [C, H, W] in [0, 1]."""
        channels, height, width = self.shape
        small = self.picture.resize((width, height), Image.Resampling.BOX)
        return np.broadcast_to(np.asarray(small, np.float32) / 255, (channels, height, width)).copy()
