"""How much of the fine detail of images their reconstructions keep."""

import numpy as np
import torch
from torch import Tensor

from vaeline.data.observations import Observations
from vaeline.evaluation.chunks import model_input_chunks
from vaeline.models.contracts import Model

FINE = 0.25  # cycles a pixel: half of the highest frequency that pixels can show; lower ones are shapes


def fine_energy(images: Tensor) -> Tensor:
    """Returns the energy of images [N, C, H, W] at frequencies of at least a quarter cycle a pixel, [N]."""
    rows, columns = (torch.fft.fftfreq(side, device=images.device) for side in images.shape[-2:])
    fine = torch.hypot(rows[:, None], columns[None, :]) >= FINE
    return torch.fft.fft2(images.double(), norm="ortho").abs().square().mul(fine).flatten(1).sum(1)


@torch.inference_mode()
def sharpness(model: Model, images: Observations, originals: np.ndarray) -> dict[str, float]:
    """Returns the fine energy of E[x|z], at a drawn z, over that of the originals, with its error.

    It is 1 if all fine energy is kept; E[x|z] is a mean, and has less.

    Args:
        model: the model.
        images: what the model observes, [N, C, H, W].
        originals: the same images as stored, uint8 [N, C, H, W]; a binarized image has fine detail of its
            own, which is noise.
    """
    rebuilt = torch.cat(
        [
            fine_energy(model.infer(x).likelihood.mean[0].clamp(0, 1)).cpu()
            for x in model_input_chunks(model, images)
        ]
    )
    real = fine_energy(torch.from_numpy(originals.copy()).float() / 255)
    ratio = (rebuilt.mean() / real.mean()).item()
    error = ((rebuilt - ratio * real).std() / real.mean() / len(real) ** 0.5).item()
    return {"sharpness": ratio, "sharpness_se": error}
