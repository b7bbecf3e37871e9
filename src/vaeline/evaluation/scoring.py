"""Everything that evaluate estimates of a trained model, on a split."""

import math
from dataclasses import dataclass
from typing import Self

from torch import Tensor

from vaeline.data.observations import Observations
from vaeline.evaluation.estimators.annealed import ais_against_bound
from vaeline.evaluation.estimators.bounds import ImportanceBounds, elbo_terms, importance_bounds, k_grid
from vaeline.evaluation.estimators.decomposition import decompose_rate
from vaeline.evaluation.estimators.estimate import means_with_errors
from vaeline.evaluation.estimators.reconstruction import reconstruction_errors
from vaeline.evaluation.estimators.weights import compiling_pays
from vaeline.evaluation.looseness import iwae_looseness
from vaeline.evaluation.params import EvaluateParams
from vaeline.evaluation.target import target_verdict
from vaeline.models.contracts import Model


@dataclass(frozen=True, eq=False)
class SplitScores:
    """Bounds and errors of each of N examples, in nats but for the errors.

    Attributes:
        values: ELBO, IWAE-K and their parts, and errors of reconstructions, [N] each.
        bounds: IWAE-K over K.
        annealed: AIS, and the bound on the same examples, [ais_images] each; may be empty.
    """

    values: dict[str, Tensor]
    bounds: ImportanceBounds
    annealed: dict[str, Tensor]

    @classmethod
    def of_model(
        cls, model: Model, examples: Observations, params: EvaluateParams, progress: bool = True
    ) -> Self:
        """Scores `examples`, as the likelihood scores them; draws depend on torch's seed.

        Several processes share the work, and each returns all of it.
        """
        terms = elbo_terms(model, examples, params.elbo_samples)
        compiled = compiling_pays(model, len(examples), params.iwae_k, params.compile)
        bounds = importance_bounds(model, examples, k_grid(params.iwae_k), progress, compiled)
        values = {"elbo": terms.elbo, "distortion": terms.distortion, "rate": terms.rate, "kl": terms.rate}
        values |= {"iwae": bounds.iwae, "ess": bounds.ess, "iwae_last_doubling": bounds.last_doubling}
        values |= model.likelihood.measures(bounds.iwae, math.prod(model.event_shape))
        values |= reconstruction_errors(model, examples)
        if parts := decompose_rate(model, examples):
            values |= vars(parts)
        annealed = ais_against_bound(
            model, examples, bounds.iwae, params.ais_images, params.ais_steps, progress=progress
        )
        return cls(values, bounds, annealed)

    def metrics(self, params: EvaluateParams) -> dict[str, float | int | str]:
        """Returns means with their standard errors, how loose the bound is, and the verdict on the target."""
        means = means_with_errors(self.values | self.annealed)
        counts: dict[str, float | int | str] = {
            "iwae_k": params.iwae_k,
            "images": len(self.values["elbo"]),
            "ais_images": len(self.annealed.get("ais", ())),
        }
        return counts | means | iwae_looseness(self.bounds) | target_verdict(means, params)
