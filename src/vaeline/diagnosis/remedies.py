"""Rules that map a cause in the params of a training to the params that cure it.

A detector tries its rules in order; each returns None if the params do not show its cause. Detection itself
never looks at the params.
"""

import math
from collections.abc import Callable

from vaeline.diagnosis.finding import Remedy
from vaeline.diagnosis.params import Measurements, RemedyParams
from vaeline.diagnosis.thresholds import LATE_GAIN

Rule = Callable[[RemedyParams, Measurements], Remedy | None]

SAFE_LEARNING_RATE = 0.001  # Adam trains every network of this package at it
FAST, SLOW = 3 * SAFE_LEARNING_RATE, SAFE_LEARNING_RATE / 3
LARGEST_LOG_VARIANCE = 20.0  # σ² of 5e8: larger than any use of it, and its square is still a float32
PIXEL_SCALE = 0.1  # σ of pixels to start from: from 1, it is still falling after thousands of steps
BINARY_SHARE = 0.8  # of the pixels, nearly black or white: 0.90 of MNIST, 0.65 of scikit-learn's digits
FREE_BITS = 0.25  # nats a dimension
FREE_SHARE = 0.5  # of the rate: if less of it is free, free bits do not decide where it goes
LATENT_DIM = 20
DEEP, DEPTH = 4, 2  # hidden layers of an mlp: the most that train without help, and the default
RATE_SHARE = 0.75  # of log N: what the rate of a code that separates the factors should be, at most
LONGER = 4, 10  # times the epochs, at least and at most
TAKE_FREE_BITS = ("elbo", "perceptual")  # objectives that have the option free_bits
TAKE_GAUSSIANS = ("beta_tc", "dip")  # objectives that require diagonal Gaussian posteriors and priors


def first(*rules: Rule) -> Callable[[RemedyParams, Measurements], Remedy]:
    """Returns the remedy of the first rule that applies; the last rule must apply."""

    def first_remedy(params: RemedyParams, metrics: Measurements) -> Remedy:
        return next(remedy for rule in rules if (remedy := rule(params, metrics)))

    return first_remedy


def lighter_kl(params: RemedyParams, _: Measurements) -> Remedy | None:
    """β above 1."""
    if params["beta"] > 1:
        return Remedy(
            f"the KL has the weight {params['beta']:g}: z costs more than it is worth", {"beta": 1.0}
        )
    return None


def heavier_kl(params: RemedyParams, _: Measurements) -> Remedy | None:
    """β below 1."""
    if params["beta"] < 1:
        cause = f"the KL has the weight {params['beta']:g}: q(z) is hardly drawn to the prior"
        return Remedy(cause, {"beta": 1.0})
    return None


def less_rate(params: RemedyParams, metrics: Measurements) -> Remedy:
    """A rate above the information in the data: β that brings it below, at least twice as large.

    In a linear Gaussian model, raising β by a factor b takes ½ ln b nats off each unit in use. Where units
    die as well, the rate falls faster: the aim is a little below log N, not far.
    """
    excess = metrics["kl"] - RATE_SHARE * metrics["image_information"]
    beta = params["beta"] or 1.0
    enough = beta * math.exp(2 * excess / max(1, metrics["active_units"]))
    cause = f"beta = {params['beta']:g} leaves z more nats than it takes to tell the images apart"
    return Remedy(cause, {"beta": max(2 * beta, float(f"{enough:.1g}"))})


def learned_variance(params: RemedyParams, metrics: Measurements) -> Remedy | None:
    """A Gaussian likelihood whose σ is fixed, and not that of its errors."""
    likelihood = params["likelihood"]
    if likelihood["name"] == "gaussian" and likelihood["gaussian"]["variance"] == "fixed":
        scale = likelihood["gaussian"]["scale"]
        cause = f"σ is fixed at {scale:g}: errors are small beside it, and z is not worth its rate"
        too_large = "binary_share" in metrics and scale > PIXEL_SCALE  # it is measured on images alone
        start = {"likelihood.gaussian.scale": PIXEL_SCALE} if too_large else {}
        return Remedy(cause, {"likelihood.gaussian.variance": "shared", **start})
    return None


def fitted_variance(params: RemedyParams, _: Measurements) -> Remedy | None:
    """A likelihood without a σ that is fitted to its errors, such as the continuous Bernoulli."""
    likelihood = params["likelihood"]
    gaussian = likelihood["name"] == "gaussian"
    if gaussian and likelihood["gaussian"]["variance"] == "optimal":
        return None
    what = f"σ ({likelihood['gaussian']['variance']})" if gaussian else likelihood["name"]
    name = {} if gaussian else {"likelihood.name": "gaussian"}
    cause = f"{what} is wider or narrower than the errors are"
    return Remedy(cause, name | {"likelihood.gaussian.variance": "optimal"})


def binary_pixels(params: RemedyParams, metrics: Measurements) -> Remedy | None:
    """A Gaussian likelihood for pixels that are nearly all black or white."""
    share = metrics.get("binary_share", 0.0)  # measured on images alone
    if params["likelihood"]["name"] == "gaussian" and share > BINARY_SHARE:
        cause = (
            f"{share:.0%} of the pixels are black or white: one σ for all of them makes noise in flat areas"
        )
        return Remedy(cause, {"likelihood.name": "bernoulli"})
    return None


def slower(params: RemedyParams, _: Measurements) -> Remedy | None:
    """A learning rate above the range of Adam."""
    if params["learning_rate"] > FAST:
        cause = f"learning_rate = {params['learning_rate']:g}: steps overshoot, and units die"
        return Remedy(cause, {"learning_rate": SAFE_LEARNING_RATE} | _bounds(params))
    return None


def slower_still(params: RemedyParams, _: Measurements) -> Remedy:
    """Steps that are too large, whatever the learning rate is."""
    cause = f"steps overshoot at learning_rate = {params['learning_rate']:g}"
    return Remedy(cause, {"learning_rate": params["learning_rate"] / 10} | _bounds(params))


def shallower(params: RemedyParams, _: Measurements) -> Remedy | None:
    """A stack of plain layers: the clinic shows that warm-up and free bits do not cure it."""
    network = params["network"]
    if network["name"] == "mlp" and network["mlp"]["depth"] > DEEP:
        cause = f"through {network['mlp']['depth']} plain layers neither data nor gradient reaches z"
        return Remedy(cause, {"network.mlp.depth": DEPTH})
    return None


def warm_up(params: RemedyParams, _: Measurements) -> Remedy:
    """The full KL before the decoder has learned to use z."""
    cause = "the KL has its full weight before the decoder has learned to use z"
    epochs = max(1, params["epochs"] // 3)
    linear = {} if params["kl_schedule"] == "linear" else {"kl_schedule": "linear"}
    if params["objective"]["name"] in TAKE_FREE_BITS:
        bits = max(FREE_BITS, 2 * params["free_bits"])
        return Remedy(cause, linear | {"kl_warmup_epochs": epochs, "free_bits": bits}, specific=False)
    longer_rise = max(epochs, 2 * params["kl_warmup_epochs"])
    return Remedy(cause, linear | {"kl_warmup_epochs": longer_rise}, specific=False)


def without_free_bits(params: RemedyParams, metrics: Measurements) -> Remedy | None:
    """Free bits that are most of the rate, which every dimension spends."""
    bits = params["free_bits"]
    if bits > 0 and bits * metrics["latent_dims"] > FREE_SHARE * metrics["kl"]:
        cause = (
            f"free_bits = {bits:g} makes most of the rate free, some in every dimension: several encode the "
            "same, which p(z) does not model"
        )
        return Remedy(cause, {"free_bits": 0.0})
    return None


def more_latents(params: RemedyParams, metrics: Measurements) -> Remedy | None:
    """Dimensions that are all in use."""
    takes = params["model"]["name"] != "vq"  # the codes of vq have dimensions of their own
    if takes and params["latent_dim"] < LATENT_DIM and metrics["unused_units"] == 0:
        each = f"each carries {metrics['crowding']:.1f} nats"
        cause = f"latent_dim = {params['latent_dim']}: all are in use, and {each}"
        return Remedy(cause, {"latent_dim": LATENT_DIM})
    return None


def better_prior(params: RemedyParams, _: Measurements) -> Remedy | None:
    """A prior that cannot match q(z)."""
    bound = params["model"]["name"] == "vq" or params["objective"]["name"] in TAKE_GAUSSIANS
    if params["prior"]["name"] == "standard_normal" and not bound:
        cause = "a standard normal prior cannot match the aggregate posterior"
        return Remedy(cause, {"prior.name": "flow"})
    return None


def fresh_binarization(params: RemedyParams, _: Measurements) -> Remedy | None:
    """Pixels that are the same in every epoch."""
    likelihood = params["likelihood"]
    binary = likelihood["name"] in ("bernoulli", "pixelcnn")
    if binary and likelihood["bernoulli"]["binarization"] != "dynamic":
        cause = "the binary pixels of an image are the same in every epoch, and can be memorised"
        return Remedy(cause, {"likelihood.bernoulli.binarization": "dynamic"})
    return None


def moved_images(params: RemedyParams, metrics: Measurements) -> Remedy | None:
    """The same images in every epoch."""
    if "binary_share" in metrics and not params["augment_shift"]:  # measured on images alone
        cause = f"{params['epochs']} epochs over the same images, and enough weights to memorise them"
        return Remedy(cause, {"augment_shift": 1})
    return None


def shorter(params: RemedyParams, metrics: Measurements) -> Remedy:
    """Training past the best epoch."""
    of = _trained_epochs(params, metrics)
    cause = f"training continued past its best epoch, {metrics['best_epoch']} of {of}"
    epochs = max(1, min(int(metrics["best_epoch"]), params["epochs"] - 1))
    if params["kl_schedule"] == "linear":
        return Remedy(cause, {"epochs": epochs})
    cycle = min(params["kl_warmup_epochs"], epochs / params["kl_cycles"])
    return Remedy(cause, {"epochs": epochs, "kl_warmup_epochs": cycle})


def faster(params: RemedyParams, _: Measurements) -> Remedy | None:
    """A learning rate that needs many times the epochs."""
    if params["learning_rate"] < SLOW:
        cause = f"learning_rate = {params['learning_rate']:g} needs many times these epochs"
        return Remedy(cause, {"learning_rate": SAFE_LEARNING_RATE})
    return None


def more_patience(params: RemedyParams, metrics: Measurements) -> Remedy | None:
    """Early stopping at a pause of a training that would have gone on to improve."""
    if (epochs := _trained_epochs(params, metrics)) < params["epochs"]:
        patience = params["patience"]
        cause = (
            f"patience = {patience} ended it after {epochs} of {params['epochs']} epochs, while it improved"
        )
        return Remedy(cause, {"patience": 2 * patience})
    return None


def longer(params: RemedyParams, metrics: Measurements) -> Remedy:
    """Too few epochs. The gain of the last quarter falls more slowly than one over their number."""
    least, most = LONGER
    times = min(most, math.ceil(least * metrics["late_gain"] / LATE_GAIN.value))
    cause = f"{params['epochs']} epochs were not enough"
    return Remedy(cause, {"epochs": times * params["epochs"]})


def larger_networks(params: RemedyParams, _: Measurements) -> Remedy:
    """Networks that are too small, or trained too briefly, for what z carries."""
    network = params["network"]
    if network["name"] == "mlp":
        key, width, units = "hidden_dim", params["hidden_dim"], "units"
    else:
        options = network["conv"] if network["name"] == "conv" else network["residual"]
        key, width, units = f"network.{network['name']}.channels", options["channels"], "channels"
    cause = f"networks of {width} {units}, {params['epochs']} epochs: too few for the decoder"
    return Remedy(cause, {key: 2 * width, "epochs": 2 * params["epochs"]}, specific=False)


def _trained_epochs(params: RemedyParams, metrics: Measurements) -> int:
    """Returns how many epochs there were, which early stopping may have made fewer than `epochs`."""
    patience = params.get("patience", 0)  # which checkpoints of earlier versions lack
    return min(params["epochs"], int(metrics["best_epoch"]) + patience) if patience else params["epochs"]


def _bounds(params: RemedyParams) -> dict[str, float]:
    """Returns the bounds on gradients and variances that the params do not set yet."""
    clip = {} if params["grad_clip"] else {"grad_clip": 1.0}
    gaussian = params["model"]["name"] != "vq"  # whose posterior has no variance
    wide = gaussian and params["posterior"]["diagonal"]["log_var_max"] > LARGEST_LOG_VARIANCE
    return clip | ({"posterior.diagonal.log_var_max": LARGEST_LOG_VARIANCE} if wide else {})
