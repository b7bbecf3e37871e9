"""Every threshold of the detectors, with its reason. Measures are those of diagnose and of the history."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Threshold:
    """The side of `value` on which `measure` says that something is wrong, and why it stands there."""

    measure: str
    value: float
    beyond: Literal["above", "below"]
    unit: str
    reason: str


RATE = Threshold(
    "kl", 1.0, "below", "nats", "z tells an image from e = 2.7 others at the most: fewer than ten classes"
)
GAIN = Threshold(
    "z_gain", 1.0, "below", "nats", "another image's z explains an image as well as its own does"
)
UNUSED = Threshold(
    "unused_share", 0.25, "above", "of the dimensions", "a few that are pruned belong to a healthy model"
)
BOUGHT = Threshold(
    "exchange_rate",
    1.5,
    "above",
    "nats of distortion for one of rate",
    "it is 1 where the ELBO is at its best: the unused ones would pay for themselves",
)
CROWDED = Threshold(
    "crowding",
    1.75,
    "above",
    "nats a unit in use",
    "where units are to spare, images are spread over them at about one nat each",
)
SHARPNESS = Threshold(
    "sharpness",
    0.1,
    "below",
    "of the originals' fine energy",
    "a mean over what z leaves open has about half of it where z tells the strokes",
)
REACHED = Threshold(
    "coverage_ratio",
    0.1,
    "below",
    "of the coverage from z ~ q(z)",
    "what p(z) draws misses nine tenths of what the same decoder makes at z ~ q(z); a healthy model's misses "
    "between a half and two thirds",
)
DIVERSITY = Threshold(
    "diversity",
    0.2,
    "below",
    "of the coverage of real images",
    "even from z ~ q(z), four fifths of what real images are is never made",
)
SKIPPED = Threshold("skipped_updates", 0, "above", "updates", "a loss or a gradient was no finite number")
SPIKES = Threshold(
    "spike_share",
    0.005,
    "above",
    "of the steps",
    "ten spreads above the median are not a minibatch's noise; a healthy run has one such step in thousands",
)
VARIANCE = Threshold(
    "largest_variance", 100.0, "above", "", "ten standard deviations of a prior whose variance is 1"
)
DECLINE = Threshold(
    "decline",
    0.003,
    "above",
    "bits per dimension",
    "training went on to unlearn what it had learnt of unseen images; published tables tell 0.01 apart",
)
GAP = Threshold(
    "generalisation_gap",
    0.003,
    "above",
    "bits per dimension",
    "as for the decline: a decline without it is no overfitting",
)
WIDE_GAP = Threshold(
    "generalisation_gap",
    0.02,
    "above",
    "bits per dimension",
    "so much is learnt by heart that what moves the images, or more of them, brings the ELBO on",
)
RISING = Threshold(
    "decline",
    0.003,
    "below",
    "bits per dimension",
    "the end is about the best that there was: a curve that only swings does not improve",
)
PROGRESS = Threshold(
    "late_gain",
    0.005,
    "above",
    "bits per dimension",
    "the last quarter of training brought what published tables tell apart; as long again will bring more",
)
