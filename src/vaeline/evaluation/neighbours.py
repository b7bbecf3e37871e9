"""The training image nearest to each sample, as a check for copying."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from vaeline.data.observations import observed
from vaeline.data.prepared import Prepared
from vaeline.evaluation.chunks import rows_at_a_time
from vaeline.evaluation.estimators.estimate import Estimate
from vaeline.models.contracts import Model

NEIGHBOUR_IMAGES = 1000  # images of each kind


@dataclass(frozen=True)
class NearestNeighbours:
    """For each of N images its nearest training image: index [N] and Euclidean distance [N]."""

    index: Tensor
    distance: Tensor


@torch.no_grad()
def nearest_neighbours(images: Tensor, train: np.ndarray) -> NearestNeighbours:
    """Returns the training images that are nearest to `images`, pixel by pixel.

    Args:
        images: what a model observes, [N, *event_shape].
        train: stored values [M, *event_shape]; they may be memory-mapped, since they are read in
            chunks, with memory for N times a chunk.
    """
    chunk = rows_at_a_time(train.shape[1:])
    x = images.flatten(1)
    least, index = torch.full((len(x),), torch.inf), torch.zeros(len(x), dtype=torch.int64)
    for start in range(0, len(train), chunk):
        y = observed(torch.tensor(train[start : start + chunk])).flatten(1)
        # ‖x − y‖² minus ‖x‖², which is the same for all y.
        nearest, place = (y.square().sum(1) - 2 * x @ y.T).min(1)
        closer = nearest < least
        least[closer], index[closer] = nearest[closer], place[closer] + start
    # Computed again from the pixels: a difference of such sums would not be zero for a copy.
    chosen = observed(torch.from_numpy(train[index.numpy()])).flatten(1)
    return NearestNeighbours(index, (x - chosen).norm(dim=1))


def neighbour_samples(model: Model) -> Tensor:
    """Returns 1,000 samples of `model`, [1000, *event_shape] on the CPU, drawn in chunks."""
    chunks = torch.arange(NEIGHBOUR_IMAGES).split(rows_at_a_time(model.event_shape))
    return torch.cat([model.sample(len(chunk)).cpu() for chunk in chunks])


def held_out_neighbours(data: Prepared) -> NearestNeighbours:
    """Returns the training images nearest to up to 1,000 validation images."""
    images = torch.from_numpy(data.valid.evenly_spaced(min(NEIGHBOUR_IMAGES, len(data.valid))))
    return nearest_neighbours(images, data.train.values)


def copying_scores(samples: NearestNeighbours, held_out: NearestNeighbours) -> dict[str, float]:
    """Returns mean distances to the nearest training image: of samples, of held-out images, and their ratio.

    Held-out images are not copies, so that `neighbour_ratio` is well below 1 if samples are; its standard
    error is to first order. Means E[x|z] are smoother than images, and a little nearer for that reason alone.
    The ratio is NaN where all held-out images are copies themselves, as in data of a few distinct images.
    """
    ours, real = Estimate.of(samples.distance), Estimate.of(held_out.distance)
    ratio = ours.mean / real.mean if real.mean > 0 else math.nan
    return {
        "neighbour_samples": ours.mean,
        "neighbour_samples_se": ours.se,
        "neighbour_valid": real.mean,
        "neighbour_valid_se": real.se,
        "neighbour_ratio": ratio,
        "neighbour_ratio_se": math.hypot(ours.se, ratio * real.se) / (real.mean or math.nan),
    }
