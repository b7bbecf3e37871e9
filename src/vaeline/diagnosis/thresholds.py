"""The thresholds of the detectors, with their reasons, for measures of diagnose and of the history."""

from dataclasses import dataclass

from vaeline.diagnosis.finding import Side
from vaeline.training.steps.monitor import LARGE_VARIANCE


@dataclass(frozen=True)
class Threshold:
    """A threshold, named by the measure that it is for.

    Attributes:
        measure: Name of the measure.
        value: The threshold, in `unit`.
        beyond: The side of `value` that is a sign of a failure.
        unit: Unit of the measure, or "".
        reason: Why the threshold has this value. It and `unit` name the examples as a `Noun` does.
    """

    measure: str
    value: float
    beyond: Side
    unit: str
    reason: str


RATE = Threshold(
    "kl",
    1.0,
    "below",
    "nats",
    "z can tell apart e = 2.7 groups of {examples} at most: fewer than ten classes",
)
Z_GAIN = Threshold(
    "z_gain", 1.0, "below", "nats", "the z of another {example} explains one as well as its own"
)
UNUSED_SHARE = Threshold(
    "unused_share", 0.25, "above", "of the dimensions", "a healthy model may prune a few dimensions"
)
EXCHANGE_RATE = Threshold(
    "exchange_rate",
    1.5,
    "above",
    "nats of distortion for one of rate",
    "it is 1 where the ELBO is at its best; above, the unused dimensions would pay for themselves",
)
CROWDING = Threshold(
    "crowding",
    1.75,
    "above",
    "nats a unit in use",
    "if units are to spare, {examples} use about one nat of each",
)
SHARPNESS = Threshold(
    "sharpness",
    0.1,
    "below",
    "of the originals' fine energy",
    "an average over what z leaves open has about half of it, if z determines the strokes",
)
COVERAGE_RATIO = Threshold(
    "coverage_ratio",
    0.1,
    "below",
    "of the coverage from z ~ q(z)",
    "samples at z ~ p(z) miss nine tenths of what the same decoder makes at z ~ q(z); those of a healthy "
    "model miss between a half and two thirds",
)
RECALL_RATIO = Threshold(
    "recall_ratio",
    0.1,
    "below",
    "of the recall from z ~ q(z)",
    "of the {examples} that lie among samples at z ~ q(z), nine tenths lie outside of those at z ~ p(z); "
    "healthy models keep nearly all on MNIST, and those with a learned prior a fifth and more on photographs",
)
DIVERSITY = Threshold(
    "diversity",
    0.2,
    "below",
    "of the coverage of real {examples}",
    "even at z ~ q(z), four fifths of the variety of real {examples} never appears",
)
SKIPPED_UPDATES = Threshold(
    "skipped_updates", 0, "above", "updates", "a loss or a gradient was not a finite number"
)
SPIKE_SHARE = Threshold(
    "spike_share",
    0.005,
    "above",
    "of the steps",
    "ten median deviations above the median is more than the noise of minibatches; a healthy run has one "
    "such step in thousands",
)
LARGEST_VARIANCE = Threshold(
    "largest_variance", LARGE_VARIANCE, "above", "times the prior's", "ten standard deviations of the prior"
)
DECLINE = Threshold(
    "decline",
    0.003,
    "above",
    "bits per dimension",
    "the model became worse on unseen {examples}; published tables resolve 0.01",
)
GAP = Threshold(
    "generalisation_gap",
    0.003,
    "above",
    "bits per dimension",
    "as for the decline: without a gap, a decline is not overfitting",
)
WIDE_GAP = Threshold(
    "generalisation_gap",
    0.02,
    "above",
    "bits per dimension",
    "so much is memorised that augmentation, or more {examples}, would improve the ELBO",
)
LATE_GAIN = Threshold(
    "late_gain",
    0.005,
    "above",
    "bits per dimension",
    "the last quarter of training gained what published tables resolve; as many epochs again will gain more",
)
LEVEL = Threshold(
    "late_gain",
    LATE_GAIN.value,
    "below",
    "bits per dimension",
    "while the ELBO of unseen {examples} still rises, more epochs improve it, whatever is memorised",
)
CALIBRATION = Threshold(
    "calibration_cost",
    0.15,
    "above",
    "bits per dimension",
    "a σ that is half as large again as the errors costs 0.18; one that is fitted to training {examples} "
    "costs less on unseen ones, unless their squared errors are 1.8 times as large",
)
EXCESS_RATE = Threshold(
    "excess_rate",
    0.0,
    "above",
    "nats above log N",
    "log N nats tell N training {examples} apart: with more, z need not choose what to encode, and factors "
    "mix",
)
ENTANGLED_MIG = Threshold(
    "mig",
    0.2,
    "below",
    "",
    "a perfect code of four factors that is rotated at random separates none: it has 0.07 in ten dimensions, "
    "and 0.17 in five",
)
