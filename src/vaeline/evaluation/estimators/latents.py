"""What the encoder does with a set of images, dimension by dimension."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from vaeline.data.observations import Observations
from vaeline.evaluation.chunks import model_input_chunks
from vaeline.models.distributions.moments import knows_moments
from vaeline.models.inference import Layer

ACTIVE_UNIT_VARIANCE = 0.01  # Burda et al. 2016, section 5.2
ACTIVITY_IMAGES = 500  # training images, that the authors' code counts active units on
ACTIVITY_DRAWS = 256  # of all layers, where a posterior hangs on a draw or does not know its moments
TOGETHER = 64  # images at a time, then: their draws go through the networks between layers alone


@dataclass(frozen=True)
class Latents:
    """Moments of q(z|x) and the KL to the prior for N images: `mean`, `variance` [N, d], `kl` [N, terms].

    The d dimensions are those of all stochastic layers, `sizes`, the one next to the image first. `noise`
    [N, d] is the variance that `mean` has as an estimate, 0 where it is exact.
    """

    mean: Tensor
    variance: Tensor
    noise: Tensor
    kl: Tensor
    sizes: tuple[int, ...]

    @property
    def mean_variance(self) -> Tensor:
        """Returns Var over x of E[z|x], [d], without bias: less the noise of the means it is taken of.

        So it can fall a little below 0 where z says nothing.
        """
        return self.mean.var(0) - self.noise.mean(0)

    @property
    def active_units(self) -> Tensor:
        """Returns which dimensions are active, [d]: Var over x of E[z|x] > 0.01 (Burda et al. 2016)."""
        return self.mean_variance > ACTIVE_UNIT_VARIANCE

    @property
    def active_units_by_layer(self) -> tuple[int, ...]:
        """Returns how many dimensions of each layer are active."""
        return tuple(int(layer.sum()) for layer in self.active_units.split(self.sizes))

    @property
    def aggregate_variance(self) -> Tensor:
        """Returns Var[μ] + E[σ²], [d]: 1 where the aggregate posterior matches a standard normal prior."""
        return self.mean.var(0, correction=0) - self.noise.mean(0) + self.variance.mean(0)


@torch.inference_mode()
def measure_latents(model: nn.Module, images: Observations) -> Latents:
    """Returns what the posteriors of all layers say of uint8 images [N, C, H, W].

    A posterior that hangs on a draw of another layer, as q(z_1|x, z_2), is averaged over that draw.
    """
    found: tuple[list[Tensor], ...] = ([], [], [])
    kls = []
    for x in model_input_chunks(model, images):
        inference = model.infer(x)
        kls.append(inference.kl_terms().cpu())
        exact = all(_exact(layer) for layer in inference.layers)
        for layers in (
            [inference.layers]
            if exact
            else (model.layers(part, ACTIVITY_DRAWS) for part in x.split(TOGETHER))
        ):
            for values, collected in zip(zip(*map(_moments, layers), strict=True), found, strict=True):
                collected.append(torch.cat(values, dim=1).cpu())
    sizes = tuple(layer.posterior.event_shape.numel() for layer in inference.layers)
    return Latents(*map(torch.cat, found), torch.cat(kls), sizes)


def _exact(layer: Layer) -> bool:
    """Returns whether the moments of q(z|x) are known: q hangs on x alone, and states them."""
    return len(layer.posterior.batch_shape) == 1 and knows_moments(layer.posterior)


def _moments(layer: Layer) -> tuple[Tensor, Tensor, Tensor]:
    """Returns mean and variance of q(z|x), and the variance that this mean has as an estimate, [B, d] each.

    Over K draws of what q hangs on, by the law of total variance: E[E[z|·]], and E[Var[z|·]] + Var[E[z|·]].
    """
    q = layer.posterior
    if _exact(layer):
        return q.mean, q.variance, torch.zeros_like(q.mean)
    means, within = (q.mean, q.variance.mean(0)) if knows_moments(q) else (layer.sample, 0)
    between = means.var(0)
    return means.mean(0), within + between, between / len(means)


def activity(model: nn.Module, images: Observations) -> dict[str, int | str]:
    """Returns the active units over uint8 images [N, C, H, W]: in all, and layer by layer (`16+5`)."""
    layers = measure_latents(model, images).active_units_by_layer
    return {"train_active_units": sum(layers), "train_active_units_by_layer": "+".join(map(str, layers))}
