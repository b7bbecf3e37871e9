"""How much of the fine detail of images their reconstructions keep."""

import math

import numpy as np
import torch
from torch import Tensor

from vaeline.data.observations import Observations, observed
from vaeline.evaluation.chunks import model_input_chunks
from vaeline.models.contracts import Model

NO_DETAIL = 1e-12  # share of all energy: less than that is what the transform of a constant image leaves
FINE = 0.25  # cycles a pixel: half of the highest frequency that pixels can show; lower ones are shapes


def fine_energy(images: Tensor) -> Tensor:
    """Returns the energy of images [N, C, H, W] at frequencies of at least a quarter cycle a pixel, [N]."""
    rows, columns = (torch.fft.fftfreq(side, device=images.device) for side in images.shape[-2:])
    fine = torch.hypot(rows[:, None], columns[None, :]) >= FINE
    return torch.fft.fft2(images.double(), norm="ortho").abs().square().mul(fine).flatten(1).sum(1)


@torch.inference_mode()
def sharpness(model: Model, images: Observations, originals: np.ndarray) -> dict[str, float]:
    """Returns the fine energy of E[x|z], at a drawn z, over that of the originals, with its error.

    It is 1 if all fine energy is kept; E[x|z] is a mean, and has less. It is NaN where the originals have
    none, as images of one level each.

    Args:
        model: the model.
        images: what the model observes, [N, C, H, W].
        originals: the same images as stored, [N, C, H, W]; a binarized image has fine detail of its
            own, which is noise.
    """
    rebuilt = torch.cat(
        [
            fine_energy(model.scaling.bounded(model.infer(x).likelihood.mean[0])).cpu()
            for x in model_input_chunks(model, images)
        ]
    )
    shown = observed(torch.from_numpy(originals.copy()))
    real = fine_energy(shown)
    if real.sum() <= NO_DETAIL * shown.double().square().sum():
        return {"sharpness": math.nan, "sharpness_se": math.nan}
    ratio = (rebuilt.mean() / real.mean()).item()
    error = ((rebuilt - ratio * real).std() / real.mean() / len(real) ** 0.5).item()
    return {"sharpness": ratio, "sharpness_se": error}
