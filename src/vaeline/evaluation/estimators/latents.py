"""What the encoder makes of a set of images, dimension by dimension."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vaeline.data.observations import Observations
from vaeline.evaluation.chunks import model_input_chunks
from vaeline.models.contracts import Model
from vaeline.models.distributions.moments import knows_moments
from vaeline.models.inference import Inference, Layer

ACTIVE_UNIT_VARIANCE = 0.01  # Burda et al. 2016, section 5.2
ACTIVITY_IMAGES = 500  # training images on which the authors' code counts active units
ACTIVITY_DRAWS = 256  # of all layers, where a posterior depends on a draw or does not state its moments
TOGETHER = (
    64  # images at a time in that case, since their draws pass through the networks between layers only
)


@dataclass(frozen=True)
class Latents:
    """Moments of q(z|x), and the KL to the prior, for N images.

    The d dimensions are those of all stochastic layers, the layer next to the image first.

    Attributes:
        mean: E[z|x], [N, d].
        variance: Var[z|x], [N, d].
        noise: variance of `mean` as an estimate, [N, d]; 0 where it is exact.
        kl: [N, terms] in nats.
        sizes: dimensions of each layer.
    """

    mean: Tensor
    variance: Tensor
    noise: Tensor
    kl: Tensor
    sizes: tuple[int, ...]

    @property
    def mean_variance(self) -> Tensor:
        """Var over x of E[z|x], [d], without bias: minus the noise of the means.

        It can be slightly below 0 where z carries no information.
        """
        return self.mean.var(0) - self.noise.mean(0)

    @property
    def active_units(self) -> Tensor:
        """Which dimensions are active, [d]: Var over x of E[z|x] > 0.01 (Burda et al. 2016)."""
        return self.mean_variance > ACTIVE_UNIT_VARIANCE

    @property
    def active_units_by_layer(self) -> tuple[int, ...]:
        """Number of active dimensions in each layer."""
        return tuple(int(layer.sum()) for layer in self.active_units.split(list(self.sizes)))

    @property
    def aggregate_variance(self) -> Tensor:
        """Var[μ] + E[σ²], [d]: 1 where the aggregate posterior matches a standard normal prior."""
        return self.mean.var(0, correction=0) - self.noise.mean(0) + self.variance.mean(0)


@torch.inference_mode()
def measure_latents(model: Model, images: Observations) -> Latents:
    """Returns the moments of the posteriors of all layers for uint8 images [N, C, H, W].

    A posterior that depends on a draw of another layer, such as q(z_1|x, z_2), is averaged over that draw.
    """
    parts: list[tuple[Tensor, Tensor, Tensor]] = []
    kl: list[Tensor] = []
    sizes: tuple[int, ...] = ()
    for x in model_input_chunks(model, images):
        inference = model.infer(x)
        kl.append(inference.kl_terms().cpu())
        parts += [_moments_of_all(layers) for layers in _layers_for_moments(model, x, inference)]
        sizes = tuple(layer.posterior.event_shape.numel() for layer in inference.layers)
    mean, variance, noise = (torch.cat(values) for values in zip(*parts, strict=True))
    return Latents(mean, variance, noise, torch.cat(kl), sizes)


def posterior_means(model: Model, x: Observations) -> Tensor:
    """Returns E[z|x] of all layers side by side, [B, d], for x [B, *event_shape] in [0, 1]."""
    parts = _layers_for_moments(model, x, model.infer(x))
    return torch.cat([_moments_of_all(layers)[0] for layers in parts])


def _layers_for_moments(model: Model, x: Observations, inference: Inference) -> Iterator[Sequence[Layer]]:
    """Yields the layers whose moments are exact, or else layers with many draws of a few images at a time."""
    if all(_exact(layer) for layer in inference.layers):
        yield inference.layers
    else:
        yield from (model.layers(part, ACTIVITY_DRAWS) for part in x.split(TOGETHER))


def _moments_of_all(layers: Sequence[Layer]) -> tuple[Tensor, Tensor, Tensor]:
    """Returns the moments of all layers side by side, [B, d] each, on the CPU."""
    mean, variance, noise = (
        torch.cat(values, dim=1).cpu() for values in zip(*map(_moments, layers), strict=True)
    )
    return mean, variance, noise


def _exact(layer: Layer) -> bool:
    """Returns whether the moments of q(z|x) are known: q depends on x alone, and states them."""
    return len(layer.posterior.batch_shape) == 1 and knows_moments(layer.posterior)


def _moments(layer: Layer) -> tuple[Tensor, Tensor, Tensor]:
    """Returns mean and variance of q(z|x), and the variance of that mean as an estimate, [B, d] each.

    Over K draws of what q depends on, by the law of total variance: E[E[z|·]], and E[Var[z|·]] + Var[E[z|·]].
    """
    q = layer.posterior
    if _exact(layer):
        return q.mean, q.variance, torch.zeros_like(q.mean)
    means = q.mean if knows_moments(q) else layer.sample
    between = means.var(0)
    within = q.variance.mean(0) if knows_moments(q) else torch.zeros_like(between)
    return means.mean(0), within + between, between / len(means)


def activity(model: Model, images: Observations) -> dict[str, int | str]:
    """Returns the active units on uint8 images [N, C, H, W]: their number, and layer by layer (`16+5`).

    `…_one_draw_by_layer` is the count of the authors' code, see `active_units_of_one_draw`.
    """
    layers = measure_latents(model, images).active_units_by_layer
    of_one_draw = active_units_of_one_draw(model, images)
    return {
        "train_active_units": sum(layers),
        "train_active_units_by_layer": "+".join(map(str, layers)),
        "train_active_units_one_draw_by_layer": "+".join(map(str, of_one_draw)),
    }


@torch.inference_mode()
def active_units_of_one_draw(model: Model, images: Observations) -> tuple[int, ...]:
    """Returns the active units of each layer, where what a posterior depends on is drawn once an image.

    The rule of the code of Burda et al. (2016), which has N in the denominator of the variance. Of
    q(z₂|z₁) it counts units as active that depend on the draw of z₁ alone; `Latents.active_units` averages
    over z₁. Where every posterior depends on x alone, the two rules agree.
    """
    batches = [model.infer(x).layers for x in model_input_chunks(model, images)]
    means = [torch.cat([_one_mean(layer) for layer in layers]) for layers in zip(*batches, strict=True)]
    return tuple(int((mean.var(0, correction=0) > ACTIVE_UNIT_VARIANCE).sum()) for mean in means)


def _one_mean(layer: Layer) -> Tensor:
    """Returns E[z|·] at one draw of what q depends on, [B, d]; the drawn z where q does not state it."""
    q = layer.posterior
    return (q.mean if knows_moments(q) else layer.sample).flatten(0, -2)
