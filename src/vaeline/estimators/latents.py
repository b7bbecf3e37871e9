"""What the encoder does with a set of images, dimension by dimension."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from vaeline.estimators.bounds import ROWS, device_of, shown
from vaeline.moments import moments
from vaeline.observations import Observations

ACTIVE_UNIT_VARIANCE = 0.01  # Burda et al. 2016, section 5.2
ACTIVITY_IMAGES = 500  # training images, that the authors' code counts active units on


@dataclass(frozen=True)
class Latents:
    """Moments of q(z|x) and the KL to the prior for N images: `mean`, `variance` [N, d], `kl` [N, terms].

    The d dimensions are those of all stochastic layers, `sizes`, the one next to the image first.
    """

    mean: Tensor
    variance: Tensor
    kl: Tensor
    sizes: tuple[int, ...]

    @property
    def active_units(self) -> Tensor:
        """Returns which dimensions are active, [d]: Var over x of E[z|x] > 0.01 (Burda et al. 2016)."""
        return self.mean.var(0) > ACTIVE_UNIT_VARIANCE

    @property
    def active_units_by_layer(self) -> tuple[int, ...]:
        """Returns how many dimensions of each layer are active."""
        return tuple(int(layer.sum()) for layer in self.active_units.split(self.sizes))

    @property
    def aggregate_variance(self) -> Tensor:
        """Returns Var[μ] + E[σ²], [d]: 1 where the aggregate posterior matches a standard normal prior."""
        return self.mean.var(0, correction=0) + self.variance.mean(0)


@torch.inference_mode()
def latents(model: nn.Module, images: Observations) -> Latents:
    """Returns what the posteriors of all layers say of uint8 images [N, C, H, W]."""
    means, variances, kls = [], [], []
    for x in shown(images, ROWS, device_of(model)):
        inference = model.infer(x)
        kls.append(inference.kl_terms().cpu())  # of these draws, before `moments` makes others
        seen = [moments(layer.posterior) for layer in inference.layers]
        for values, collected in zip(zip(*seen, strict=True), (means, variances), strict=True):
            collected.append(torch.cat([value.reshape(len(x), -1) for value in values], dim=1).cpu())
    sizes = tuple(layer.posterior.event_shape.numel() for layer in inference.layers)
    return Latents(torch.cat(means), torch.cat(variances), torch.cat(kls), sizes)


def activity(model: nn.Module, images: Observations) -> dict[str, int | str]:
    """Returns the active units over uint8 images [N, C, H, W]: in all, and layer by layer (`16+5`)."""
    layers = latents(model, images).active_units_by_layer
    return {"train_active_units": sum(layers), "train_active_units_by_layer": "+".join(map(str, layers))}
