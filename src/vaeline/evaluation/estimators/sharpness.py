"""How much of the fine detail of images their reconstructions keep."""

import numpy as np
import torch
from torch import Tensor, nn

from vaeline.data.observations import Observations
from vaeline.evaluation.chunks import model_input_chunks

FINE = 0.25  # cycles a pixel: half of the finest that pixels can show; what is below are shapes


def fine_energy(images: Tensor) -> Tensor:
    """Returns the energy of images [N, C, H, W] in frequencies of at least a quarter cycle a pixel, [N]."""
    rows, columns = (torch.fft.fftfreq(side, device=images.device) for side in images.shape[-2:])
    fine = torch.hypot(rows[:, None], columns[None, :]) >= FINE
    return torch.fft.fft2(images.double(), norm="ortho").abs().square().mul(fine).flatten(1).sum(1)


@torch.inference_mode()
def sharpness(model: nn.Module, images: Observations, originals: np.ndarray) -> dict[str, float]:
    """Returns how much fine energy E[x|z] has, at a drawn z, over that of the originals, with its error.

    `images` are what the model is shown and `originals` the same images as they are, uint8 [N, C, H, W]: a
    binarized image has fine detail of its own that is noise. 1 would be all of it; E[x|z] is a mean, and
    has less.
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
