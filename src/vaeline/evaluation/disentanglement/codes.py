"""The code of a set of images, as the scores take it: the mean of q(z|x), and its variance if it is known."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from vaeline.evaluation.estimators.latents import Latents


@dataclass(frozen=True, eq=False)
class ImageCodes:
    """What the encoder makes of N images.

    Attributes:
        mean: E[z|x], [N, d].
        variance: Var[z|x], [N, d], if each q(z_j|x) is the Gaussian with these two; else None.
    """

    mean: np.ndarray
    variance: np.ndarray | None = None

    @classmethod
    def of(cls, latents: Latents) -> Self:
        """Returns the code of `latents`; without variances, unless every posterior is a Gaussian."""
        gaussian = bool((latents.noise == 0).all() and (latents.variance > 0).all())
        variance = latents.variance.double().numpy() if gaussian else None
        return cls(latents.mean.double().numpy(), variance)

    def __len__(self) -> int:
        return len(self.mean)

    def __getitem__(self, rows: slice | np.ndarray) -> "ImageCodes":
        return ImageCodes(self.mean[rows], None if self.variance is None else self.variance[rows])
