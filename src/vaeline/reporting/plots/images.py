"""Grids of images, such as samples and reconstructions."""

from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor
from torch.nn.functional import pad

from vaeline.reporting.plots.style import figure, styled

MARGIN = 2  # pixels between two images


@styled
def grid(images: Tensor, columns: int, title: str, rows: Sequence[str] = ()) -> Figure:
    """Returns images [N, C, H, W] in [0, 1] as a grid of `columns`, with the names of `rows` on the left."""
    sheet = tiled(images.detach().cpu(), columns).numpy()
    names = 0.12 * max((len(row) for row in rows), default=0)  # inches
    fig = figure(7.0, 0.4 + (6.9 - names) * sheet.shape[0] / sheet.shape[1])
    axes = fig.add_subplot()
    axes.imshow(np.clip(sheet, 0, 1), interpolation="nearest")
    axes.set_title(title, fontsize=11, loc="left")
    axes.grid(visible=False)
    axes.set_xticks([])
    side = images.shape[-2] + MARGIN
    axes.set_yticks([MARGIN + side * i + side / 2 for i in range(len(rows))], labels=rows)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return fig


def tiled(images: Tensor, columns: int) -> Tensor:
    """Returns images [N, C, H, W] in rows of `columns`, on white, as one RGB image [height, width, 3].

    Equal to torchvision's make_grid, whose import takes two seconds. Of more than three channels the first
    three are displayed, and of two both, as red and green.
    """
    images = _rgb(images)
    columns = min(columns, len(images))
    images = torch.cat([images, images.new_ones(-len(images) % columns, *images.shape[1:])])
    cells = pad(images, (0, MARGIN, 0, MARGIN), value=1.0)
    rows = cells.unflatten(0, (-1, columns)).permute(0, 3, 1, 4, 2)  # [rows, H, columns, W, 3]
    sheet = rows.flatten(2, 3).flatten(0, 1)
    return pad(sheet, (0, 0, MARGIN, 0, MARGIN, 0), value=1.0)


def _rgb(images: Tensor) -> Tensor:
    channels = images.shape[1]
    if channels == 1:
        return images.expand(-1, 3, -1, -1)
    return pad(images[:, :3], (0, 0, 0, 0, 0, max(0, 3 - channels)))


def reconstruction_rows(
    originals: Tensor,
    reconstructions: Tensor,
    title: str,
    columns: int = 10,
    names: tuple[str, str] = ("input", "output"),
) -> Figure:
    """Returns rows of originals, each above the row of its reconstructions, both [N, C, H, W] in [0, 1]."""
    missing = -len(originals) % columns
    rows = [
        torch.cat([images, torch.ones_like(images[:1]).expand(missing, -1, -1, -1)]).split(columns)
        for images in (originals, reconstructions)
    ]
    pairs = [row for pair in zip(*rows, strict=True) for row in pair]
    return grid(torch.cat(pairs), columns, title, rows=names * (len(pairs) // 2))
