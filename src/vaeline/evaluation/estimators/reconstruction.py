"""Reconstruction errors."""

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from vaeline.data.observations import Observations, pixels
from vaeline.evaluation.chunks import Gathered, model_input_chunks
from vaeline.models.contracts import Model

# float32 cannot tell probabilities closer to 1 than this from 1 itself.
UNIFORM_RESOLUTION = 2.0**-24


@torch.inference_mode()
def reconstruction_errors(model: Model, images: Observations) -> dict[str, Tensor]:
    """Returns the errors of E[x|z] at one drawn z ~ q(z|x) for each of `images` [N, *event_shape], each [N].

    `bce` is the binary cross-entropy in nats of an image, where values are in [0, 1]; `sse` the summed
    squared error of an image; `mse` and `mae` the mean squared and absolute error of a pixel. All are of what
    the model observes.
    """
    names = ("sse", "mse", "mae", *(("bce",) if model.scaling.unit else ()))
    errors = {name: Gathered(len(images)) for name in names}
    for observation in model_input_chunks(model, images):
        mean, x = model.infer(observation).likelihood.mean[0], pixels(observation)
        squared = (mean - x).square().flatten(1)
        if model.scaling.unit:
            logits = torch.logit(mean, eps=UNIFORM_RESOLUTION)
            bce = binary_cross_entropy_with_logits(logits, x, reduction="none")
            errors["bce"].add(bce.flatten(1).sum(1).cpu())
        errors["sse"].add(squared.sum(1).cpu())
        errors["mse"].add(squared.mean(1).cpu())
        errors["mae"].add((mean - x).abs().flatten(1).mean(1).cpu())
    return {name: values.whole for name, values in errors.items()}
