"""What the curve of a training says: whether it was still improving, had passed its best, or was unsteady."""

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

SMOOTHED = 10  # windows of a training: the ELBO is averaged over a tenth of the epochs
LATE = 0.25  # the last part of a training, in which progress is looked for


def unsteadiness(skipped: int, spikes: int, largest_variance: float, steps: int) -> dict[str, float]:
    """Returns how unsteady `steps` were: updates skipped, share of spikes, largest posterior variance."""
    return {
        "skipped_updates": skipped,
        "spike_share": spikes / max(1, steps),
        "largest_variance": largest_variance,
    }


def elbo_trend(valid_elbo: Sequence[float], dimensions: int) -> dict[str, float]:
    """Returns what the validation ELBO of each epoch, in nats an image, says of how training went.

    In bits per dimension of images of so many: `late_gain` is what came in the last quarter, of the ELBO
    smoothed over a tenth of the epochs, and `decline` how far its end lies below its best. Their errors are
    of an epoch's wobble about the curve: images and noise are the same in every epoch. Nothing for fewer
    than two epochs.
    """
    elbo = np.asarray(valid_elbo, dtype=float) / (math.log(2) * dimensions)
    if len(elbo) < 2:
        return {}
    width = max(1, round(len(elbo) / SMOOTHED))
    smooth = np.convolve(elbo, np.ones(width) / width, mode="valid")  # entry i ends at epoch i + width
    ends = np.arange(width, len(elbo) + 1)
    late = np.interp(len(elbo) - LATE * (len(elbo) - 1), ends, smooth)
    error = _wobble(elbo) * math.sqrt(2 / width)
    return {
        "late_gain": smooth[-1] - late,
        "late_gain_se": error,
        "decline": smooth.max() - smooth[-1],
        "decline_se": error,
    }


def _wobble(elbo: np.ndarray) -> float:
    """Returns the standard deviation of an epoch about its neighbours' line, from second differences.

    Those of the second half: early on the curve bends by itself. None to be seen in fewer than four epochs.
    """
    if len(elbo) < 4:
        return 0.0
    bends = np.diff(elbo, 2)[len(elbo) // 2 - 1 :]
    return float(np.median(np.abs(bends)) / NormalDist().inv_cdf(0.75) / math.sqrt(6))
