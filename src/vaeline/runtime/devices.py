"""Where the arithmetic runs."""

import torch

from vaeline.core.errors import VaelineError


def device(name: str) -> torch.device:
    """Returns the device for `auto` (CUDA where there is one), `cpu` or `cuda`.

    Raises VaelineError if CUDA is asked for and is not there.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise VaelineError("device = 'cuda', but torch sees no CUDA device here: use device: auto or cpu")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")
