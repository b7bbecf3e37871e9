"""What the curve of a training shows: whether it still improved, was past its best, or was unsteady."""

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

SMOOTHED = 10  # the ELBO is averaged over a tenth of the epochs
LATE = 0.25  # share of a training, at its end, in which progress is measured


def unsteadiness(skipped: int, spikes: int, largest_variance: float, steps: int) -> dict[str, float]:
    """Returns how unsteady `steps` were: updates skipped, share of spikes, largest posterior variance."""
    return {
        "skipped_updates": skipped,
        "spike_share": spikes / max(1, steps),
        "largest_variance": largest_variance,
    }


def elbo_trend(valid_elbo: Sequence[float], dimensions: int) -> dict[str, float]:
    """Returns the late gain and the decline of the validation ELBO, in bits per dimension.

    The ELBO is smoothed over a tenth of the epochs. `decline` is how far its end is below its best, and
    `late_gain` what it gained in the last quarter of the training, less the decline: a curve that only
    fluctuates, or that fell again, has gained nothing. Their errors come from the `epoch_noise` alone, since
    images and noise are the same in every epoch. Empty for fewer than two epochs.

    Args:
        valid_elbo: nats for an image, of each epoch.
        dimensions: pixels times channels of an image.
    """
    elbo = np.asarray(valid_elbo, dtype=float) / (math.log(2) * dimensions)
    if len(elbo) < 2:
        return {}
    width = max(1, round(len(elbo) / SMOOTHED))
    smooth = np.convolve(elbo, np.ones(width) / width, mode="valid")  # entry i ends at epoch i + width
    ends = np.arange(width, len(elbo) + 1)
    late = np.interp(len(elbo) - LATE * (len(elbo) - 1), ends, smooth)
    decline = smooth.max() - smooth[-1]
    noise = epoch_noise(elbo) / math.sqrt(width)
    return {
        "late_gain": smooth[-1] - late - decline,
        "late_gain_se": noise * math.sqrt(6 if decline > 0 else 2),  # of 2 end - late - best, or end - late
        "decline": decline,
        "decline_se": noise * math.sqrt(2),
    }


def epoch_noise(elbo: np.ndarray) -> float:
    """Returns the standard deviation of an epoch's ELBO around the line between its neighbours.

    It is estimated from second differences of the second half, since the curve itself bends early on, and is
    0 for fewer than four epochs.
    """
    if len(elbo) < 4:
        return 0.0
    bends = np.diff(elbo, 2)[len(elbo) // 2 - 1 :]
    return float(np.median(np.abs(bends)) / NormalDist().inv_cdf(0.75) / math.sqrt(6))
