"""The diagnostics after training: what the latents do, and whether the posterior collapsed."""

import math
from dataclasses import dataclass

import pandas as pd
from torch import Tensor, nn

from vaeline.data.observations import Observations
from vaeline.evaluation.estimators.estimate import means_with_errors
from vaeline.evaluation.estimators.latents import Latents, measure_latents
from vaeline.evaluation.estimators.reconstruction import reconstruction_errors

ACTIVE_KL = 0.1  # nats: a dimension below it tells the decoder next to nothing


@dataclass(frozen=True)
class Collapse:
    """How much of the latent space is in use: `kl_per_dim` [d] in nats, averaged over examples."""

    active_dims: int
    kl_per_dim: Tensor

    @property
    def collapsed(self) -> bool:
        """Returns whether no dimension is active: the decoder does without z."""
        return self.active_dims == 0


def collapse_of(seen: Latents, threshold: float = ACTIVE_KL) -> Collapse:
    """Returns how many dimensions of `seen` have a mean KL above `threshold` nats."""
    kl_per_dim = seen.kl.double().mean(0)
    return Collapse(int((kl_per_dim > threshold).sum()), kl_per_dim)


def check_posterior_collapse(
    model: nn.Module, images: Observations, threshold: float = ACTIVE_KL
) -> Collapse:
    """Returns which dimensions are in use on uint8 images [N, C, H, W]: mean KL above `threshold` nats."""
    return collapse_of(measure_latents(model, images), threshold)


def post_training_diagnostics(model: nn.Module, images: Observations) -> dict[str, float]:
    """Returns the latent statistics and reconstruction errors over uint8 images [N, C, H, W].

    `aggregate_var_mean` is Var[μ] + E[σ²], averaged over dimensions: near 1, with `mu_mean` near 0, where the
    aggregate posterior matches the prior. (σ² → 1 alone, with μ → 0, is collapse.) `active_dims` counts
    KL > 0.1 nats, `active_units` Burda's Var[E[z|x]] > 0.01. `sse` is an image's, `mse` a pixel's error.
    """
    return latent_statistics(measure_latents(model, images)) | squared_errors(model, images)


def latent_statistics(seen: Latents) -> dict[str, float]:
    """Returns the latent statistics of `seen`; `crowding` is the rate a unit in use, in nats."""
    collapse = collapse_of(seen)
    rate, active, dims = seen.kl.double().sum(1), int(seen.active_units.sum()), seen.mean.shape[1]
    return {
        "mu_mean": seen.mean.mean().item(),
        "mu_std": seen.mean.std().item(),
        "var_mean": seen.variance.mean().item(),
        "aggregate_var_mean": seen.aggregate_variance.mean().item(),
        "active_dims": collapse.active_dims,
        "active_units": active,
        "unused_units": dims - active,
        "unused_share": 1 - active / dims,
        "crowding": rate.mean().item() / max(1, active),
        "collapsed": int(collapse.collapsed),
        "latent_dims": dims,
    } | means_with_errors({"kl": rate})


def squared_errors(model: nn.Module, images: Observations) -> dict[str, float]:
    """Returns the squared reconstruction errors over `images`, each with its standard error."""
    seen = reconstruction_errors(model, images)
    return means_with_errors({name: seen[name] for name in ("sse", "mse")})


def dimension_table(seen: Latents) -> pd.DataFrame:
    """Returns one row a latent dimension, the busiest first: KL, moments of μ and σ², and its activity.

    Where the KL does not split into dimensions, its column is empty and the variance of μ gives the order.
    """
    count = seen.mean.shape[1]
    splits = seen.kl.shape[1] == count
    table = pd.DataFrame(
        {
            "dimension": range(count),
            "kl": seen.kl.double().mean(0) if splits else [math.nan] * count,
            "mu_mean": seen.mean.mean(0),
            "mu_var": seen.mean_variance,
            "var_mean": seen.variance.mean(0),
            "aggregate_var": seen.aggregate_variance,
            "active_unit": seen.active_units.int(),
        }
    )
    order = "kl" if splits else "mu_var"
    return table.sort_values(order, ascending=False, kind="stable", ignore_index=True)
