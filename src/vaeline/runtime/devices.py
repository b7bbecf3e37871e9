"""The device that computes."""

import torch

from vaeline.core.errors import VaelineError


def device(name: str) -> torch.device:
    """Returns the device for `auto` (CUDA if available), `cpu` or `cuda`.

    Raises:
        VaelineError: for `cuda` without a CUDA device.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise VaelineError("device = 'cuda', but torch finds no CUDA device here: use device: auto or cpu")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")
