"""The bound of each test image in a small file, for differences between models on the same images."""

import io
import zipfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vaeline.core.errors import DamagedFileError
from vaeline.core.files import RESTORE, replacing

STEPS_IN_A_NAT = 256  # rounding moves the mean of 10,000 images by about 1e-5 nats


def write_bounds(path: Path | str, bounds: Tensor) -> None:
    """Writes IWAE-K in nats, [N], as float32 rounded to 1/256 nat; equal bounds give equal bytes.

    10,000 images take about 26 kB.
    """
    rounded = (bounds.double() * STEPS_IN_A_NAT).round() / STEPS_IN_A_NAT
    buffer = io.BytesIO()
    np.savez_compressed(buffer, iwae=rounded.float().cpu().numpy())
    with replacing(path) as temporary:
        temporary.write_bytes(buffer.getbuffer())


def read_bounds(path: Path | str) -> Tensor:
    """Returns IWAE-K of each image in nats, float64 [N], as `write_bounds` has written it.

    Raises:
        DamagedFileError: If the file is not one of these.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            bounds = torch.from_numpy(arrays["iwae"]).double()
    except (ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile) as error:
        raise DamagedFileError(path, f"damaged, no bounds of images ({error})", RESTORE) from None
    if bounds.dim() != 1 or not bounds.isfinite().all():
        raise DamagedFileError(path, "damaged, it does not have one finite bound for each image", RESTORE)
    return bounds
