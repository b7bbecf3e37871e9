"""The nearest training image of each sample, as a check against copying."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from vaeline.data.prepared import Prepared
from vaeline.evaluation.chunks import rows_at_a_time
from vaeline.evaluation.estimators.estimate import Estimate

NEIGHBOUR_IMAGES = 1000  # images of each kind


@dataclass(frozen=True)
class NearestNeighbours:
    """For each of N images the nearest of others: its index [N], and the Euclidean distance to it [N]."""

    index: Tensor
    distance: Tensor


@torch.no_grad()
def nearest_neighbours(images: Tensor, train: np.ndarray) -> NearestNeighbours:
    """Returns the nearest of uint8 `train` [M, C, H, W] to images [N, C, H, W] in [0, 1], pixel by pixel.

    `train` may be mapped from the disk: it is read in pieces, and memory is N times a piece.
    """
    piece = rows_at_a_time(train.shape[1:])
    x = images.flatten(1)
    best, index = torch.full((len(x),), torch.inf), torch.zeros(len(x), dtype=torch.int64)
    for start in range(0, len(train), piece):
        y = torch.tensor(train[start : start + piece]).flatten(1).float() / 255
        # ‖x − y‖² less ‖x‖², which all of a row share.
        found, place = (y.square().sum(1) - 2 * x @ y.T).min(1)
        closer = found < best
        best[closer], index[closer] = found[closer], place[closer] + start
    # Anew from the pixels: a difference of such sums would not be zero for a copy.
    chosen = torch.from_numpy(train[index.numpy()]).flatten(1).float() / 255
    return NearestNeighbours(index, (x - chosen).norm(dim=1))


def neighbour_samples(model: nn.Module, shape: Sequence[int]) -> Tensor:
    """Returns 1,000 samples of `shape`, [N, C, H, W] in [0, 1] on the CPU, made in pieces."""
    pieces = torch.arange(NEIGHBOUR_IMAGES).split(rows_at_a_time(shape))
    return torch.cat([model.sample(len(piece)).cpu() for piece in pieces])


def held_out_neighbours(data: Prepared) -> NearestNeighbours:
    """Returns what `nearest` says of validation images, which are as many as there are, or 1,000."""
    images = torch.from_numpy(data.valid.evenly_spaced(min(NEIGHBOUR_IMAGES, len(data.valid))))
    return nearest_neighbours(images, data.train.images)


def copying_scores(samples: NearestNeighbours, held_out: NearestNeighbours) -> dict[str, float]:
    """Returns how near to training images samples are, beside held-out images, which nobody has copied.

    `neighbour_ratio` is that of the mean distances, with its standard error to first order; well below 1
    where samples are copies. Means E[x|z] are smoother than images and for that alone a little nearer.
    """
    ours, real = Estimate.of(samples.distance), Estimate.of(held_out.distance)
    ratio = ours.mean / real.mean
    return {
        "neighbour_samples": ours.mean,
        "neighbour_samples_se": ours.se,
        "neighbour_valid": real.mean,
        "neighbour_valid_se": real.se,
        "neighbour_ratio": ratio,
        "neighbour_ratio_se": (ours.se**2 + (ratio * real.se) ** 2) ** 0.5 / real.mean,
    }
