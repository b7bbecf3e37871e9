"""The detectors, one for each failure: their thresholds, and their remedies in the order of trial."""

from vaeline.diagnosis import remedies, thresholds
from vaeline.diagnosis.detector import Detector
from vaeline.diagnosis.params import Measurements


def _unused(metrics: Measurements) -> str:
    if metrics["unused_units"] == 0:
        return ""
    return "{unused_units} of {latent_dims} units are unused; those in use carry {crowding:.2f} nats each"


def _small_gain(metrics: Measurements) -> str:
    if metrics["late_gain"] > thresholds.LATE_GAIN.value:
        return (
            "perhaps still improving: the last quarter gained {late_gain:.4f} ± {late_gain_se:.4f} bits per "
            "dimension"
        )
    if metrics["late_gain"] > 0.5 * thresholds.LATE_GAIN.value:
        return "still improving a little: the last quarter gained {late_gain:.4f} bits per dimension"
    return ""


def _gap(metrics: Measurements) -> str:
    if metrics.get("generalisation_gap", 0) > thresholds.GAP.value:
        return (
            "the ELBO of training {examples} is better by {generalisation_gap:.4f} bits per dimension; that "
            "of unseen {examples} has not fallen"
        )
    return ""


COLLAPSE = Detector(
    name="posterior_collapse",
    title="Posterior collapse",
    signs=((thresholds.RATE, thresholds.Z_GAIN),),
    if_problem="the decoder ignores z, whose rate is {kl:.2f} nats",
    if_healthy="the decoder uses z, whose rate is {kl:.1f} nats",
    remedy=remedies.first(
        remedies.lighter_kl, remedies.learned_variance, remedies.slower, remedies.shallower, remedies.warm_up
    ),
    may_follow_from=("underfitting",),
)
UNCALIBRATED = Detector(
    name="uncalibrated_likelihood",
    title="Uncalibrated likelihood",
    signs=((thresholds.CALIBRATION,),),
    if_problem="at the same z, p(x|z) needs {calibration_cost:.2f} bits per dimension more than a Gaussian "
    "with one σ that is fitted to the errors",
    if_healthy="beside a Gaussian with one σ that is fitted to the errors, p(x|z) needs "
    "{calibration_cost:+.3f} bits per dimension",
    remedy=remedies.first(remedies.fitted_variance, remedies.moved_images, remedies.shorter),
    follows_from=("unstable_training", "overfitting"),
)
DEAD_DIMENSIONS = Detector(
    name="dead_dimensions",
    title="Dead dimensions",
    signs=((thresholds.UNUSED_SHARE,), (thresholds.EXCHANGE_RATE, thresholds.CROWDING)),
    if_problem="{unused_units} of {latent_dims} units are unused; those in use carry {crowding:.2f} nats "
    "each",
    if_healthy="all {latent_dims} units are active",
    note=_unused,
    remedy=remedies.first(remedies.lighter_kl, remedies.slower, remedies.warm_up),
    follows_from=("posterior_collapse",),
)
BLUR = Detector(
    name="blurry_reconstructions",
    title="Blurry reconstructions",
    signs=((thresholds.SHARPNESS,),),
    if_problem="reconstructions keep {sharpness:.1%} of the fine energy of the originals",
    if_healthy="reconstructions have {sharpness:.0%} of the fine energy of the originals",
    remedy=remedies.first(
        remedies.learned_variance,
        remedies.lighter_kl,
        remedies.more_latents,
        remedies.slower,
        remedies.shallower,
        remedies.larger_networks,
    ),
    follows_from=("posterior_collapse", "unstable_training"),
    may_follow_from=("underfitting",),
)
HOLES = Detector(
    name="holes",
    title="Holes in the latent space",
    signs=((thresholds.COVERAGE_RATIO, thresholds.RECALL_RATIO),),
    if_problem="samples at z ~ p(z) cover {coverage:.1%} of the {examples} and recall {recall:.1%}, at "
    "z ~ q(z) {coverage_aggregate:.1%} and {recall_aggregate:.1%}",
    if_healthy="samples at z ~ p(z) cover {coverage:.0%} of the {examples} and recall {recall:.1%}, at "
    "z ~ q(z) {coverage_aggregate:.0%} and {recall_aggregate:.1%}",
    remedy=remedies.first(
        remedies.heavier_kl, remedies.without_free_bits, remedies.better_prior, remedies.larger_networks
    ),
    follows_from=("posterior_collapse", "unstable_training"),
)
LOW_DIVERSITY = Detector(
    name="low_diversity",
    title="Low diversity",
    signs=((thresholds.DIVERSITY,),),
    if_problem="even at z ~ q(z), samples cover {coverage_aggregate:.1%} of the {examples}; real {examples} "
    "cover {coverage_real:.1%}",
    if_healthy="at z ~ q(z), samples cover {coverage_aggregate:.0%} of the {examples}; real {examples} "
    "cover {coverage_real:.0%}",
    remedy=remedies.first(
        remedies.binary_pixels,
        remedies.learned_variance,
        remedies.lighter_kl,
        remedies.more_latents,
        remedies.slower,
        remedies.shallower,
        remedies.larger_networks,
    ),
    follows_from=("posterior_collapse", "unstable_training"),
    may_follow_from=("underfitting",),
)
UNSTABLE = Detector(
    name="unstable_training",
    title="Unstable training",
    signs=((thresholds.SKIPPED_UPDATES, thresholds.SPIKE_SHARE, thresholds.LARGEST_VARIANCE),),
    if_problem="{skipped_updates} updates were not finite, the loss spiked in {spike_share:.2%} of the "
    "steps, and the largest posterior variance was {largest_variance:.3g} times the prior's",
    if_healthy="every update was finite, the loss spiked in {spike_share:.2%} of the steps, and the largest "
    "posterior variance was {largest_variance:.3g} times the prior's",
    remedy=remedies.first(remedies.slower, remedies.slower_still),
)
OVERFITTING = Detector(
    name="overfitting",
    title="Overfitting",
    signs=((thresholds.DECLINE, thresholds.WIDE_GAP), (thresholds.GAP,), (thresholds.LEVEL,)),
    if_problem="the ELBO of unseen {examples} is {generalisation_gap:.4f} bits per dimension below that of "
    "training {examples}, and fell by {decline:.4f} after its best",
    if_healthy="the ELBO of unseen {examples} was at its best at the end",
    note=_gap,
    remedy=remedies.first(remedies.fresh_binarization, remedies.moved_images, remedies.shorter),
    follows_from=("unstable_training",),
)
UNDERFITTING = Detector(
    name="underfitting",
    title="Underfitting",
    signs=((thresholds.LATE_GAIN,),),
    if_problem="still improving at the last epoch: the last quarter gained {late_gain:.4f} bits per "
    "dimension",
    if_healthy="the ELBO has levelled off: the last quarter gained {late_gain:.4f} bits per dimension",
    note=_small_gain,
    remedy=remedies.first(remedies.faster, remedies.more_patience, remedies.longer),
    follows_from=("unstable_training",),
)
ENTANGLED = Detector(
    name="entangled",
    title="Entangled factors",
    signs=((thresholds.ENTANGLED_MIG,), (thresholds.EXCESS_RATE,)),
    if_problem="MIG is {mig:.2f}: {active_units} units carry {kl:.1f} nats, and {image_information:.1f} tell "
    "the training {examples} apart",
    if_healthy="MIG is {mig:.2f} at {kl:.1f} nats; {image_information:.1f} tell the training {examples} "
    "apart",
    remedy=remedies.less_rate,
    follows_from=("unstable_training",),
)
DETECTORS = (
    UNSTABLE, UNDERFITTING, COLLAPSE, OVERFITTING, UNCALIBRATED, DEAD_DIMENSIONS, BLUR, HOLES, LOW_DIVERSITY,
    ENTANGLED,
)  # fmt: skip
DURING = (UNSTABLE, COLLAPSE)
"""The detectors whose measures exist before training has ended."""
