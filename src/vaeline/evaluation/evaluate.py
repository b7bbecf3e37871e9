"""What the evaluate stage measures on the test split: bounds on log p(x), and what they are made of."""

import math
from dataclasses import dataclass

from torch import Tensor

from vaeline.data.prepared import Prepared
from vaeline.evaluation.estimators.annealed import ais_against_bound
from vaeline.evaluation.estimators.bounds import ImportanceBounds, elbo_terms, importance_bounds, k_grid
from vaeline.evaluation.estimators.decomposition import decompose_rate
from vaeline.evaluation.estimators.estimate import means_with_errors
from vaeline.evaluation.estimators.latents import ACTIVITY_IMAGES, activity
from vaeline.evaluation.estimators.reconstruction import reconstruction_errors
from vaeline.evaluation.looseness import iwae_looseness
from vaeline.evaluation.observing import evaluation_set
from vaeline.evaluation.params import EvaluateParams
from vaeline.evaluation.target import target_verdict
from vaeline.evaluation.undefined import without_undefined
from vaeline.models.contracts import Model


@dataclass(frozen=True)
class Measured:
    """Measures of the test split: the importance-weighted `bounds`, and other `values` of each image, [N]."""

    bounds: ImportanceBounds
    values: dict[str, Tensor]


def measure_test(model: Model, data: Prepared, params: EvaluateParams, progress: bool = True) -> Measured:
    """Returns ELBO, IWAE-K and reconstruction errors of each test image, from torch's global generator.

    Several processes share the work, and each returns all of it.
    """
    images = evaluation_set(model, data.test)
    terms = elbo_terms(model, images, params.elbo_samples)
    bounds = importance_bounds(model, images, k_grid(params.iwae_k), progress=progress)
    values = {"elbo": terms.elbo, "distortion": terms.distortion, "rate": terms.rate, "kl": terms.rate}
    values |= {"iwae": bounds.iwae, "ess": bounds.ess, "iwae_last_doubling": bounds.last_doubling}
    values |= model.likelihood.measures(bounds.iwae, math.prod(data.shape))
    values |= reconstruction_errors(model, images)
    if parts := decompose_rate(model, images):
        values |= vars(parts)
    values |= ais_against_bound(
        model, images, bounds.iwae, params.ais_images, params.ais_steps, progress=progress
    )
    return Measured(bounds, values)


def metrics_of(
    model: Model, data: Prepared, params: EvaluateParams, measured: Measured
) -> dict[str, float | int | str]:
    """Returns the metrics of the evaluate stage: means with their errors, the verdict, and active units."""
    means = means_with_errors(measured.values)
    metrics: dict[str, float | int | str] = {"iwae_k": params.iwae_k, "images": len(measured.bounds.iwae)}
    metrics |= {"ais_images": len(measured.values.get("ais", ())), **means}
    metrics |= iwae_looseness(measured.bounds)
    metrics |= target_verdict(means, params)
    metrics |= activity(model, evaluation_set(model, data.train[:ACTIVITY_IMAGES]))
    return without_undefined(metrics)
