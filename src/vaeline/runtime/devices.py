"""Where the arithmetic runs."""

import torch

from vaeline.core.errors import VaelineError
from vaeline.data.observations import Observations


def device(name: str) -> torch.device:
    """Returns the device for `auto` (CUDA where there is one), `cpu` or `cuda`.

    Raises VaelineError if CUDA is asked for and is not there.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise VaelineError("device = 'cuda', but torch sees no CUDA device here: use device: auto or cpu")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def resident(images: Observations, device: torch.device) -> Observations:
    """Returns `images` on a CUDA `device` if they leave half of its free memory free, else where they are."""
    if device.type != "cuda" or 2 * images.nbytes > torch.cuda.mem_get_info(device)[0]:
        return images
    return images.to(device)
