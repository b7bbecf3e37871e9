"""Diagnostics after training: what the latents encode, and whether the posterior collapsed."""

import math
from dataclasses import dataclass

import pandas as pd
from torch import Tensor

from vaeline.data.observations import Observations
from vaeline.evaluation.estimators.estimate import means_with_errors
from vaeline.evaluation.estimators.latents import Latents, measure_latents
from vaeline.evaluation.estimators.reconstruction import reconstruction_errors
from vaeline.models.contracts import Model

ACTIVE_KL = 0.1  # nats: a dimension below this tells the decoder next to nothing


@dataclass(frozen=True)
class Collapse:
    """How much of the latent space is used.

    Attributes:
        active_dims: number of active dimensions.
        kl_per_dim: [d] in nats, averaged over examples.
    """

    active_dims: int
    kl_per_dim: Tensor

    @property
    def collapsed(self) -> bool:
        """Whether no dimension is active, so that the decoder ignores z."""
        return self.active_dims == 0


def collapse_of(latents: Latents, threshold: float = ACTIVE_KL) -> Collapse:
    """Returns how many dimensions of `latents` have a mean KL above `threshold` nats."""
    kl_per_dim = latents.kl.double().mean(0)
    return Collapse(int((kl_per_dim > threshold).sum()), kl_per_dim)


def check_posterior_collapse(model: Model, images: Observations, threshold: float = ACTIVE_KL) -> Collapse:
    """Returns which dimensions have a mean KL above `threshold` nats on uint8 images [N, C, H, W]."""
    return collapse_of(measure_latents(model, images), threshold)


def post_training_diagnostics(model: Model, images: Observations) -> dict[str, float]:
    """Returns latent statistics and reconstruction errors on uint8 images [N, C, H, W].

    `aggregate_var_mean` is Var[μ] + E[σ²], averaged over dimensions: near 1, with `mu_mean` near 0, where the
    aggregate posterior matches the prior. (σ² → 1 with μ → 0 is collapse.) `active_dims` counts KL > 0.1
    nats, `active_units` Var[E[z|x]] > 0.01 (Burda et al. 2016). `sse` is the error of an image, `mse` of a
    pixel.
    """
    return latent_statistics(measure_latents(model, images)) | squared_errors(model, images)


def latent_statistics(latents: Latents) -> dict[str, float]:
    """Returns the statistics of `latents`; `crowding` is the rate for each unit in use, in nats."""
    collapse = collapse_of(latents)
    rate, active = latents.kl.double().sum(1), int(latents.active_units.sum())
    dims = latents.mean.shape[1]
    return {
        "mu_mean": latents.mean.mean().item(),
        "mu_std": latents.mean.std().item(),
        "var_mean": latents.variance.mean().item(),
        "aggregate_var_mean": latents.aggregate_variance.mean().item(),
        "active_dims": collapse.active_dims,
        "active_units": active,
        "unused_units": dims - active,
        "unused_share": 1 - active / dims,
        "crowding": rate.mean().item() / max(1, active),
        "collapsed": int(collapse.collapsed),
        "latent_dims": dims,
    } | means_with_errors({"kl": rate})


def squared_errors(model: Model, images: Observations) -> dict[str, float]:
    """Returns the squared reconstruction errors over `images`, each with its standard error."""
    errors = reconstruction_errors(model, images)
    return means_with_errors({name: errors[name] for name in ("sse", "mse")})


def dimension_table(latents: Latents) -> pd.DataFrame:
    """Returns a row for each latent dimension, ordered by KL: KL, moments of μ and σ², and its activity.

    If the KL does not split into dimensions, its column is empty, and rows are ordered by the variance of μ.
    """
    count = latents.mean.shape[1]
    splits = latents.kl.shape[1] == count
    table = pd.DataFrame(
        {
            "dimension": range(count),
            "kl": latents.kl.double().mean(0) if splits else [math.nan] * count,
            "mu_mean": latents.mean.mean(0),
            "mu_var": latents.mean_variance,
            "var_mean": latents.variance.mean(0),
            "aggregate_var": latents.aggregate_variance,
            "active_unit": latents.active_units.int(),
        }
    )
    order = "kl" if splits else "mu_var"
    return table.sort_values(order, ascending=False, kind="stable", ignore_index=True)
