"""How far a reconstruction is from what it reconstructs."""

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from vaeline.data.observations import Observations, pixels
from vaeline.evaluation.chunks import model_input_chunks

# float32 cannot tell probabilities nearer to 1 than this from 1 itself.
UNIFORM_RESOLUTION = 2.0**-24


@torch.inference_mode()
def reconstruction_errors(model: nn.Module, images: Observations) -> dict[str, Tensor]:
    """Returns the errors for each uint8 image [N, C, H, W] against E[x|z] at one drawn z ~ q(z|x), each [N].

    `bce`: binary cross-entropy, nats an image. `sse`: summed squared error, an image. `mse` and `mae`: mean
    squared and absolute error, a pixel; pixel values in [0, 1].
    """
    errors: dict[str, list[Tensor]] = {"bce": [], "sse": [], "mse": [], "mae": []}
    for x in model_input_chunks(model, images):
        mean, x = model.infer(x).likelihood.mean[0], pixels(x)
        bce = binary_cross_entropy_with_logits(torch.logit(mean, eps=UNIFORM_RESOLUTION), x, reduction="none")
        squared = (mean - x).square().flatten(1)
        errors["bce"].append(bce.flatten(1).sum(1).cpu())
        errors["sse"].append(squared.sum(1).cpu())
        errors["mse"].append(squared.mean(1).cpu())
        errors["mae"].append((mean - x).abs().flatten(1).mean(1).cpu())
    return {name: torch.cat(values) for name, values in errors.items()}
