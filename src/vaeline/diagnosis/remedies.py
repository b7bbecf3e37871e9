"""Rules that know a cause in the configuration of a training, and the params that cure it.

A detector tries them in order: each returns nothing where its cause is not there. Detection itself never
looks at the configuration.
"""

import math
from collections.abc import Callable

from vaeline.diagnosis.finding import Config, Measures, Remedy
from vaeline.diagnosis.thresholds import PROGRESS

Rule = Callable[[Config, Measures], Remedy | None]

SAFE_LEARNING_RATE = 0.001  # a learning rate at which Adam trains every network here
FAST, SLOW = 3 * SAFE_LEARNING_RATE, SAFE_LEARNING_RATE / 3
LOG_VARIANCE = 20.0  # σ² of 5e8: of any use to nobody, and its square still a float32
SCALE = 0.1  # σ of pixels: from 1, it is still on its way down after thousands of steps
BINARY_PIXELS = (
    0.8  # of the pixels: of MNIST's 0.90 are all but black or white, of scikit-learn's digits' 0.65
)
FREE_BITS = 0.25  # nats a dimension
LATENTS = 20
DEEP, DEPTH = 4, 2  # hidden layers of an mlp: more than trains without help, and the default
LONGER = 4, 10  # times the epochs, at least and at the most
TAKE_FREE_BITS = ("elbo", "perceptual")  # objectives that can leave a part of the KL free
TAKE_GAUSSIANS = ("beta_tc", "dip")  # … that need posterior and prior to be diagonal Gaussians


def first(*rules: Rule) -> Callable[[Config, Measures], Remedy]:
    """Returns the remedy of the first rule that applies; the last one must."""

    def remedy(config: Config, metrics: Measures) -> Remedy:
        return next(found for rule in rules if (found := rule(config, metrics)))

    return remedy


def lighter_kl(config: Config, _: Measures) -> Remedy | None:
    """β above 1."""
    if config["beta"] > 1:
        return Remedy(f"the KL weighs {config['beta']:g} times: z is not worth its rate", {"beta": 1.0})
    return None


def heavier_kl(config: Config, _: Measures) -> Remedy | None:
    """β below 1."""
    if config["beta"] < 1:
        cause = f"the KL weighs {config['beta']:g} times: nothing draws q(z) towards the prior"
        return Remedy(cause, {"beta": 1.0})
    return None


def learned_variance(config: Config, _: Measures) -> Remedy | None:
    """A Gaussian likelihood whose σ is not that of its errors."""
    likelihood = config["likelihood"]
    if likelihood["name"] == "gaussian" and likelihood["gaussian"]["variance"] == "fixed":
        scale = likelihood["gaussian"]["scale"]
        cause = f"σ is fixed at {scale:g}: against it, errors of pixels weigh too little for z to mend them"
        near = {"likelihood.gaussian.scale": SCALE} if scale > SCALE else {}  # where it starts learning
        return Remedy(cause, {"likelihood.gaussian.variance": "shared"} | near)
    return None


def binary_pixels(config: Config, metrics: Measures) -> Remedy | None:
    """A Gaussian likelihood for pixels that are nearly all black or white."""
    share = metrics["binary_share"]
    if config["likelihood"]["name"] == "gaussian" and share > BINARY_PIXELS:
        cause = f"{share:.0%} of the pixels are black or white: one σ for all leaves grain where none belongs"
        return Remedy(cause, {"likelihood.name": "bernoulli"})
    return None


def slower(config: Config, _: Measures) -> Remedy | None:
    """A learning rate above what Adam takes."""
    if config["learning_rate"] > FAST:
        cause = f"learning_rate = {config['learning_rate']:g}: steps overshoot, and units die"
        return Remedy(cause, {"learning_rate": SAFE_LEARNING_RATE} | _bounds(config))
    return None


def slower_still(config: Config, _: Measures) -> Remedy:
    """Steps that are too large at any rate."""
    cause = f"steps overshoot at learning_rate = {config['learning_rate']:g}"
    return Remedy(cause, {"learning_rate": config["learning_rate"] / 10} | _bounds(config))


def shallower(config: Config, _: Measures) -> Remedy | None:
    """Plain layers upon layers: warm-up and free bits do not cure them, the clinic has tried."""
    network = config["network"]
    if network["name"] == "mlp" and network["mlp"]["depth"] > DEEP:
        cause = f"through {network['mlp']['depth']} plain layers neither image nor gradient gets to z"
        return Remedy(cause, {"network.mlp.depth": DEPTH})
    return None


def warm_up(config: Config, _: Measures) -> Remedy:
    """The KL in full before the decoder has a use for z."""
    cause = "the KL weighs in full before the decoder has a use for z"
    epochs = max(1, config["epochs"] // 3)
    linear = {} if config["kl_schedule"] == "linear" else {"kl_schedule": "linear"}
    if config["objective"]["name"] in TAKE_FREE_BITS:
        bits = max(FREE_BITS, 2 * config["free_bits"])
        return Remedy(cause, linear | {"kl_warmup_epochs": epochs, "free_bits": bits})
    return Remedy(cause, linear | {"kl_warmup_epochs": max(epochs, 2 * config["kl_warmup_epochs"])})


def without_free_bits(config: Config, _: Measures) -> Remedy | None:
    """Rate that every dimension must spend."""
    if config["free_bits"] > 0:
        cause = (
            f"free_bits = {config['free_bits']:g} lets every dimension say something for nothing: several "
            "say the same, and p(z) knows nothing of it"
        )
        return Remedy(cause, {"free_bits": 0.0})
    return None


def more_latents(config: Config, metrics: Measures) -> Remedy | None:
    """Dimensions that are all in use."""
    counts = config["model"]["name"] != "vq"  # whose codes have dimensions of their own
    if counts and config["latent_dim"] < LATENTS and metrics["unused_units"] == 0:
        each = f"each carries {metrics['crowding']:.1f} nats"
        cause = f"latent_dim = {config['latent_dim']}: all are in use, and {each}"
        return Remedy(cause, {"latent_dim": LATENTS})
    return None


def better_prior(config: Config, _: Measures) -> Remedy | None:
    """A prior that cannot be where q(z) is."""
    bound = config["model"]["name"] == "vq" or config["objective"]["name"] in TAKE_GAUSSIANS
    if config["prior"]["name"] == "standard_normal" and not bound:
        cause = "a standard normal prior cannot follow the aggregate posterior to where it is"
        return Remedy(cause, {"prior.name": "flow"})
    return None


def fresh_binarization(config: Config, _: Measures) -> Remedy | None:
    """Pixels that are the same in every epoch."""
    likelihood = config["likelihood"]
    binary = likelihood["name"] in ("bernoulli", "pixelcnn")
    if binary and likelihood["bernoulli"]["binarization"] != "dynamic":
        cause = "the binary pixels of an image are the same in every epoch, and can be learnt by heart"
        return Remedy(cause, {"likelihood.bernoulli.binarization": "dynamic"})
    return None


def moved_images(config: Config, _: Measures) -> Remedy | None:
    """Few images, seen often."""
    if not config["augment_shift"]:
        cause = f"{config['epochs']} epochs over the same images, and weights enough to learn them by heart"
        return Remedy(cause, {"augment_shift": 1})
    return None


def shorter(config: Config, metrics: Measures) -> Remedy:
    """Training on past the best epoch."""
    cause = f"training went on past its best at epoch {metrics['best_epoch']} of {config['epochs']}"
    epochs = max(1, min(metrics["best_epoch"], config["epochs"] - 1))
    if config["kl_schedule"] == "linear":
        return Remedy(cause, {"epochs": epochs})
    cycle = min(config["kl_warmup_epochs"], epochs / config["kl_cycles"])
    return Remedy(cause, {"epochs": epochs, "kl_warmup_epochs": cycle})


def faster(config: Config, _: Measures) -> Remedy | None:
    """A learning rate that needs many times the epochs."""
    if config["learning_rate"] < SLOW:
        cause = f"learning_rate = {config['learning_rate']:g} needs many times these epochs"
        return Remedy(cause, {"learning_rate": SAFE_LEARNING_RATE})
    return None


def longer(config: Config, metrics: Measures) -> Remedy:
    """Too few epochs: the gain of a last quarter falls more slowly than one over their number."""
    least, most = LONGER
    times = min(most, math.ceil(least * metrics["late_gain"] / PROGRESS.value))
    cause = f"{config['epochs']} epochs were not enough"
    return Remedy(cause, {"epochs": times * config["epochs"]})


def larger_networks(config: Config, _: Measures) -> Remedy:
    """Networks that cannot draw what z tells."""
    cause = (
        f"networks of {config['hidden_dim']} units, {config['epochs']} epochs: the decoder cannot draw it yet"
    )
    return Remedy(cause, {"hidden_dim": 2 * config["hidden_dim"], "epochs": 2 * config["epochs"]})


def _bounds(config: Config) -> dict[str, float]:
    """Returns what keeps gradients and variances from growing without end, where the config does not."""
    clip = {} if config["grad_clip"] else {"grad_clip": 1.0}
    diagonal = config["posterior"]["diagonal"]
    wide = diagonal["log_var_max"] > LOG_VARIANCE
    return clip | ({"posterior.diagonal.log_var_max": LOG_VARIANCE} if wide else {})
