"""Reconstruction errors."""

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from vaeline.data.observations import Observations, pixels
from vaeline.evaluation.chunks import model_input_chunks
from vaeline.models.contracts import Model

# float32 cannot tell probabilities closer to 1 than this from 1 itself.
UNIFORM_RESOLUTION = 2.0**-24


@torch.inference_mode()
def reconstruction_errors(model: Model, images: Observations) -> dict[str, Tensor]:
    """Returns the errors of E[x|z] at one drawn z ~ q(z|x) for each uint8 image [N, C, H, W], each [N].

    `bce` is the binary cross-entropy in nats of an image, `sse` the summed squared error of an image, and
    `mse` and `mae` the mean squared and absolute error of a pixel, with pixel values in [0, 1].
    """
    errors: dict[str, list[Tensor]] = {"bce": [], "sse": [], "mse": [], "mae": []}
    for observation in model_input_chunks(model, images):
        mean, x = model.infer(observation).likelihood.mean[0], pixels(observation)
        bce = binary_cross_entropy_with_logits(torch.logit(mean, eps=UNIFORM_RESOLUTION), x, reduction="none")
        squared = (mean - x).square().flatten(1)
        errors["bce"].append(bce.flatten(1).sum(1).cpu())
        errors["sse"].append(squared.sum(1).cpu())
        errors["mse"].append(squared.mean(1).cpu())
        errors["mae"].append((mean - x).abs().flatten(1).mean(1).cpu())
    return {name: torch.cat(values) for name, values in errors.items()}
