"""Pictures made of images: grids, reconstructions, traversals."""

from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor
from torchvision.utils import make_grid

from vaeline.plots.style import figure, styled


@styled
def grid(images: Tensor, columns: int, title: str, rows: Sequence[str] = ()) -> Figure:
    """Returns images [N, C, H, W] in [0, 1] as a grid of `columns`; `rows` names each row at its left."""
    sheet = make_grid(images.cpu(), nrow=columns, padding=2, pad_value=1.0).permute(1, 2, 0).numpy()
    fig = figure(7.0, 0.5 + 7.0 * sheet.shape[0] / sheet.shape[1])
    axes = fig.add_subplot()
    axes.imshow(np.clip(sheet, 0, 1), interpolation="nearest")
    axes.set_title(title, fontsize=11, loc="left")
    axes.grid(visible=False)
    axes.set_xticks([])
    side = images.shape[-2] + 2
    axes.set_yticks([2 + side * i + side / 2 for i in range(len(rows))], labels=rows)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return fig


def beside(originals: Tensor, reconstructions: Tensor, title: str, columns: int = 10) -> Figure:
    """Returns rows of originals, each above the row of its reconstructions; both [N, C, H, W] in [0, 1]."""
    missing = -len(originals) % columns
    rows = [
        torch.cat([images, torch.ones_like(images[:1]).expand(missing, -1, -1, -1)]).split(columns)
        for images in (originals, reconstructions)
    ]
    pairs = [row for pair in zip(*rows, strict=True) for row in pair]
    return grid(torch.cat(pairs), columns, title, rows=("shown", "rebuilt") * (len(pairs) // 2))
