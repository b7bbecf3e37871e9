"""The importance-weighted bound, and three estimators of its gradient."""

from typing import Literal, Protocol

from torch import Tensor

from vaeline.core.errors import VaelineError
from vaeline.core.params import BaseOptions
from vaeline.data.observations import Observations
from vaeline.models.contracts import Model
from vaeline.models.distributions.noise import Noise, global_noise
from vaeline.models.distributions.numerics import log_mean_exp
from vaeline.models.inference import Inference
from vaeline.training.objectives.limits import reject_free_bits
from vaeline.training.objectives.objective import Objective
from vaeline.training.objectives.options import ObjectiveSection
from vaeline.training.objectives.terms import Terms


class IWAESection(ObjectiveSection, Protocol):
    """What `iwae` reads of the section `objective`."""

    @property
    def iwae(self) -> "IWAE.Options":
        """Options of `iwae`."""


class IWAE(Objective):
    """−IWAE-k: −log (1/k) Σ w, with β on the log-ratio of prior and posterior in w.

    `estimator` is how its gradient reaches the encoder. `standard`: reparameterized, through the logarithm
    of the sum (Burda et al. 2016, section 3). `stl`: through z alone, sticking the landing (Roeder et al.
    2017); biased for k > 1. `dreg`: doubly reparameterized (Tucker et al. 2019), unbiased at β = 1, with a
    signal that does not vanish in k. The last two are for one stochastic layer.
    """

    class Options(BaseOptions):
        """Options of `objective.iwae`."""

        estimator: Literal["standard", "stl", "dreg"] = "standard"

    def __init__(self, *, section: IWAESection, free_bits: float) -> None:
        super().__init__()
        reject_free_bits("iwae", free_bits)
        self.k, self.estimator = section.k, section.iwae.estimator

    def forward(
        self, model: Model, x: Observations, beta: float | Tensor, noise: Noise = global_noise
    ) -> Terms:
        """Returns the loss and its terms for x [B, C, H, W], with the log-ratio weighted by `beta`."""
        inference = model.infer(x, self.k, noise)
        if self.estimator != "standard" and len(inference.layers) > 1:
            raise VaelineError(
                f"objective.iwae.estimator = '{self.estimator}' is for one stochastic layer: use 'standard'"
            )
        log_weights = inference.log_weights(x, beta, path_only=self.estimator != "standard")
        if self.estimator == "dreg":
            _weight_path(inference, log_weights)
        loss = -log_mean_exp(log_weights).mean()
        return Terms(loss, inference.distortion(x).mean(0), inference.kl_terms(), inference.max_variance())


def _weight_path(inference: Inference, log_weights: Tensor) -> None:
    """Multiplies the gradient that reaches the encoder through z by the normalised weights once more."""
    weights = log_weights.detach().softmax(0).unsqueeze(-1)  # [K, B, 1]
    inference.layers[0].sample.register_hook(lambda gradient: weights * gradient)
