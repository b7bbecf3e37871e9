"""Lower bounds on log p(x) for each image: the ELBO and IWAE-K."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vaeline.core.progress import bar
from vaeline.data.observations import Observations
from vaeline.evaluation.chunks import device_of, model_input, rows_at_a_time
from vaeline.evaluation.estimators.estimate import Estimate
from vaeline.evaluation.estimators.weights import CompiledLogWeights, LogWeights
from vaeline.models.contracts import Model
from vaeline.models.distributions.numerics import effective_sample_size
from vaeline.runtime import processes

MOST_DRAWS = 128  # of an image in one call, which takes as many images as its rows allow
SUMMED_DRAWS = 1024  # of an image in one sum: small sums take many operations, and large ones memory


@dataclass(frozen=True)
class ElboTerms:
    """The terms of the ELBO for each image, in nats: distortion −E_q log p(x|z) and rate KL(q ‖ p), [N]."""

    distortion: Tensor
    rate: Tensor

    @property
    def elbo(self) -> Tensor:
        """The ELBO for each image, [N]."""
        return -(self.distortion + self.rate)


@torch.inference_mode()
def elbo_terms(model: Model, images: Observations, n_samples: int = 1) -> ElboTerms:
    """Returns distortion and rate for uint8 images [N, C, H, W], averaged over `n_samples` draws of z.

    The mode of the model, train or eval, is left as it is.

    References:
        Kingma & Welling (2014), equation 3.
    """

    def terms(chunk: Observations) -> tuple[Tensor, Tensor]:
        x = model_input(chunk, device_of(model))
        inference = model.infer(x, n_samples)
        return inference.distortion(x).mean(0).cpu(), inference.kl_terms().sum(-1).cpu()

    chunks = images.split(max(1, rows_at_a_time(images.shape[1:], device_of(model)) // n_samples))
    distortion, rate = zip(*processes.each(chunks, terms), strict=True)
    return ElboTerms(torch.cat(distortion), torch.cat(rate))


def compute_elbo(model: Model, images: Observations, n_samples: int = 1) -> Estimate:
    """Returns the ELBO in nats with its standard error over images, for uint8 images [N, C, H, W]."""
    return Estimate.of(elbo_terms(model, images, n_samples).elbo)


@dataclass(frozen=True)
class ImportanceBounds:
    """IWAE-K for each image and each K.

    Attributes:
        ks: the values of K, ascending.
        bounds: [N, len(ks)] in nats.
        ess: effective sample size at the last K, [N], between 1 and K.
    """

    ks: tuple[int, ...]
    bounds: Tensor
    ess: Tensor

    @property
    def iwae(self) -> Tensor:
        """The bound at the last K, [N]."""
        return self.bounds[:, -1]

    @property
    def monte_carlo_error(self) -> Tensor:
        """Standard error of `iwae` over draws of z in nats, [N], by the delta method; K ≥ 2.

        That of the mean weight relative to its size: √((K/ESS − 1) / (K − 1)).
        """
        k = self.ks[-1]
        return ((k / self.ess - 1).clamp(min=0) / (k - 1)).sqrt()

    @property
    def last_doubling(self) -> Tensor:
        """What the bound gained from K/2 to K, in nats, [N], for `ks` from `k_grid`."""
        return self.iwae - self.bounds[:, self.ks.index(max(1, self.ks[-1] // 2))]


def k_grid(k: int) -> tuple[int, ...]:
    """Returns 1, 2, 5, 10, 20, 50 … up to and including `k`, and k/2."""
    grid = [mantissa * 10**power for power in range(len(str(k))) for mantissa in (1, 2, 5)]
    return tuple(sorted({*(value for value in grid if value < k), max(1, k // 2), k}))


@torch.inference_mode()
def importance_bounds(
    model: Model, images: Observations, ks: Sequence[int], progress: bool = False, compiled: bool = False
) -> ImportanceBounds:
    """Returns log (1/K) Σ p(x, z_k)/q(z_k|x) for each K.

    The bound at each K uses the first K of the same draws. The effective sample size is (Σw)²/Σw² over all of
    them. Memory does not grow with K.

    Args:
        model: the model.
        images: uint8 [N, C, H, W].
        ks: the values of K, ascending.
        progress: whether to show a progress bar.
        compiled: whether to compile the weights for a model on the CPU, see `compiling_pays`. The draws are
            the same, and the results up to rounding.

    References:
        Burda, Grosse & Salakhutdinov (2016), equation 8.
    """
    weights = (CompiledLogWeights if compiled else LogWeights)(model)
    rows = rows_at_a_time(images.shape[1:], device_of(model))
    chunks = images.split(max(1, rows // min(ks[-1], MOST_DRAWS)))
    with bar(total=len(chunks), desc=f"IWAE-{ks[-1]}", unit="chunk", disable=not progress) as chunk_bar:

        def bounds_of(chunk: Observations) -> tuple[Tensor, Tensor]:
            result = _importance_chunk(weights, model_input(chunk, device_of(model)), ks)
            chunk_bar.update(processes.size())
            return result

        bounds, ess = zip(*processes.each(chunks, bounds_of), strict=True)
    return ImportanceBounds(tuple(ks), torch.cat(bounds), torch.cat(ess))


def _importance_chunk(weights: LogWeights, x: Observations, ks: Sequence[int]) -> tuple[Tensor, Tensor]:
    log_sum = torch.full((len(x),), -torch.inf, dtype=torch.float64, device=x.device)
    log_sum_squares = log_sum.clone()
    bounds = []
    # Draws are made as many at a time as rows allow, whatever the ks are: few rows make slow products.
    at_once = max(1, rows_at_a_time(x.shape[1:], x.device) // len(x))
    summed = at_once * max(1, SUMMED_DRAWS // at_once)
    for first in range(0, ks[-1], summed):
        last = min(first + summed, ks[-1])
        drawn = [weights(x, min(at_once, last - start)) for start in range(first, last, at_once)]
        log_weights = torch.cat(drawn).double()
        log_sums = torch.logaddexp(log_sum, log_weights.logcumsumexp(0))  # of the first 1 … draws
        log_sum = log_sums[-1]
        log_sum_squares = torch.logaddexp(log_sum_squares, (2 * log_weights).logsumexp(0))
        bounds += [(log_sums[k - first - 1] - math.log(k)).cpu() for k in ks if first < k <= last]
    return torch.stack(bounds, dim=1), effective_sample_size(log_sum, log_sum_squares).cpu()


def compute_iwae_bound(model: Model, images: Observations, K: int = 50) -> Estimate:
    """Returns IWAE-K in nats with its standard error over images, for uint8 images [N, C, H, W]."""
    return Estimate.of(importance_bounds(model, images, (K,)).iwae)
