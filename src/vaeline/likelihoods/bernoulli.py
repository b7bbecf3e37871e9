"""The Bernoulli likelihood, for pixels that are 0 or 1."""

from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.distributions import Bernoulli as Coin
from torch.distributions import Distribution, Independent

from vaeline.params import Options

CHUNK = 4096


class Bernoulli(nn.Module):
    """p(x|z) = Π Bernoulli(x_i; logits_i).

    A grey value g in 0…255 is binarized: 1 with probability g/255. `dynamic` draws anew each time an image is
    used, `static` once for all (it overfits: Burda et al. 2016, appendix D), `grey` trains on g/255 itself,
    which is not a likelihood but what many examples do. Bounds are always scored on binary pixels, the one
    draw that `binarization_seed` fixes.
    """

    channels = 1  # parameters a pixel

    class Options(Options):
        """Options of `likelihood.bernoulli`."""

        binarization: Literal["dynamic", "static", "grey"] = "dynamic"
        binarization_seed: int = Field(0, ge=0, lt=2**63)

    def __init__(self, section: Any) -> None:
        super().__init__()
        self.binarization = section.bernoulli.binarization
        self.seed = section.bernoulli.binarization_seed

    def forward(self, logits: Tensor) -> Distribution:
        """Returns p(x|z) for logits [K, B, C, H, W]: batch [K, B], event [C, H, W]."""
        return Independent(Coin(logits=logits, validate_args=False), 3, validate_args=False)

    def start(self, mean: Tensor) -> Tensor:
        """Returns the logits [C, H, W] of a mean image [C, H, W], clipped to [0.001, 0.999]."""
        return torch.logit(mean, eps=1e-3)

    def training_set(self, images: Tensor) -> Tensor:
        """Returns the uint8 images [N, C, H, W] to train on: binarized once for all, or as they are."""
        return self.evaluation_set(images) if self.binarization == "static" else images

    def evaluation_set(self, images: Tensor) -> Tensor:
        """Returns uint8 images [N, C, H, W] of 0 and 255: the one binarization that bounds are scored on."""
        generator = torch.Generator().manual_seed(self.seed)
        drawn = torch.empty_like(images)
        for target, chunk in zip(drawn.split(CHUNK), images.split(CHUNK), strict=True):
            target.copy_(_binarize(chunk, generator) * 255)
        return drawn

    def observe(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Returns what the model is shown of a minibatch: uint8 [B, C, H, W] → float32 in [0, 1]."""
        return _binarize(images, generator) if self.binarization == "dynamic" else images.float() / 255


def _binarize(images: Tensor, generator: torch.Generator) -> Tensor:
    uniform = torch.rand(images.shape, generator=generator, device=generator.device)
    return (uniform * 255 < images.to(generator.device)).to(torch.float32)
