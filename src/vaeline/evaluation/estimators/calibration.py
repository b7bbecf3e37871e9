"""Whether p(x|z) is as wide as the errors of reconstructions."""

import math

import torch

from vaeline.data.observations import Observations, pixels
from vaeline.evaluation.chunks import model_input_chunks
from vaeline.evaluation.estimators.estimate import means_with_errors
from vaeline.models.contracts import Model
from vaeline.models.likelihoods.gaussian import LOG_SIGMA_MIN


@torch.inference_mode()
def calibration_cost(model: Model, images: Observations) -> dict[str, float]:
    """Returns `calibration_cost`, in bits a dimension, with its standard error over images.

    That is what −log₂ p(x|z) is above its value for a Gaussian around the same E[x|z], at the same drawn z,
    whose σ² is the mean squared error over all `images` [N, *event_shape]. A σ that is learned, or fitted
    (Rybkin, Daniilidis & Levine 2021, section 3.2), has a cost of about 0, and a likelihood that knows more
    of the errors than one σ a negative one. The masses of levels are compared with the density of dequantized
    ones. Empty where values are no quantities (`Likelihood.step`).
    """
    step, dimensions = model.likelihood.step, math.prod(model.event_shape)
    if step is None:
        return {}
    distortions, errors = [], []
    for observation in model_input_chunks(model, images):
        likelihood, x = model.infer(observation).likelihood, pixels(observation)
        distortions.append(-likelihood.log_prob(x)[0].double().cpu() / dimensions)
        errors.append((likelihood.mean[0] - x).double().square().flatten(1).mean(1).cpu())
    distortion, squared = torch.cat(distortions), torch.cat(errors)
    squared = squared + step**2 / 12  # of a level that is spread evenly over its width
    variance = squared.mean().clamp(min=math.exp(2 * LOG_SIGMA_MIN))
    fitted = 0.5 * ((2 * math.pi * variance).log() + squared / variance) - math.log(step or 1)
    return means_with_errors({"calibration_cost": (distortion - fitted) / math.log(2)})
