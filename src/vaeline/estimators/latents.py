"""What the encoder does with a set of images, dimension by dimension."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from vaeline.estimators.bounds import ROWS, device_of, shown

ACTIVE_UNIT_VARIANCE = 0.01  # Burda et al. 2016, section 5.2


@dataclass(frozen=True)
class Latents:
    """Moments of q(z|x) and the KL to the prior for N images: `mean`, `variance` [N, d], `kl` [N, terms]."""

    mean: Tensor
    variance: Tensor
    kl: Tensor

    @property
    def active_units(self) -> Tensor:
        """Returns which dimensions are active, [d]: Var over x of E[z|x] > 0.01 (Burda et al. 2016)."""
        return self.mean.var(0) > ACTIVE_UNIT_VARIANCE

    @property
    def aggregate_variance(self) -> Tensor:
        """Returns Var[μ] + E[σ²], [d]: 1 where the aggregate posterior matches a standard normal prior."""
        return self.mean.var(0, correction=0) + self.variance.mean(0)


@torch.inference_mode()
def latents(model: nn.Module, images: Tensor) -> Latents:
    """Returns what the posteriors of all layers say of uint8 images [N, C, H, W]."""
    means, variances, kls = [], [], []
    for x in shown(images, ROWS, device_of(model)):
        inference = model.infer(x)
        posteriors = [layer.posterior for layer in inference.layers]
        means.append(torch.cat([q.mean.reshape(len(x), -1) for q in posteriors], dim=1).cpu())
        variances.append(torch.cat([q.variance.reshape(len(x), -1) for q in posteriors], dim=1).cpu())
        kls.append(inference.kl_terms().cpu())
    return Latents(torch.cat(means), torch.cat(variances), torch.cat(kls))
