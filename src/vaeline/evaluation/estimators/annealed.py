"""log p(x) by annealed importance sampling: chains from the prior to the posterior, without any q.

Neal (2001), "Annealed importance sampling"; for decoders Wu, Burda, Salakhutdinov & Grosse (2017).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple, Self

import torch
from torch import Tensor, nn

from vaeline.core.errors import VaelineError
from vaeline.core.numerics import effective_sample_size, log_mean_exp
from vaeline.core.progress import bar
from vaeline.data.observations import Observations, pixels
from vaeline.evaluation.chunks import device_of, even_indices, model_input, rows_at_a_time
from vaeline.runtime import processes

CHAINS = 16  # an image, as Wu et al.
PILOTS = 4  # chains beside them that only find the step size
LEAPFROGS = 2  # a transition; at equal cost more of them, between fewer temperatures, had noisier weights
FIRST_STEP = 0.2
TARGET = 0.65  # acceptance rate of HMC at its cheapest (Neal 2011, section 4.4)
STEP_SIZE_GAIN = 0.1  # of the step size's logarithm, for each unit of acceptance off the target


@dataclass(frozen=True)
class AnnealedEstimate:
    """What the chains of each image say, [N].

    `log_likelihood`, in nats, is at or below log p(x) on average, the nearer the more steps. `ess` is the
    effective sample size (Σw)²/Σw² over the chains: near 1, a single chain has decided. `acceptance` is the
    rate of their HMC proposals.
    """

    log_likelihood: Tensor
    ess: Tensor
    acceptance: Tensor


class _Point(NamedTuple):
    """Where the chains [C, B] stand: z [C, B, d], log p(z), log p(x|z) [C, B], and the gradients of both."""

    z: Tensor
    log_prior: Tensor
    log_likelihood: Tensor
    prior_slope: Tensor
    likelihood_slope: Tensor

    def energy(self, t: float, momentum: Tensor) -> Tensor:
        return 0.5 * momentum.square().sum(-1) - self.log_prior - t * self.log_likelihood

    def slope(self, t: float) -> Tensor:
        return self.prior_slope + t * self.likelihood_slope

    def where(self, accepted: Tensor, other: Self) -> Self:
        wide = accepted.unsqueeze(-1)
        pairs = zip(self, other, strict=True)
        return _Point(*(torch.where(wide if a.dim() == 3 else accepted, a, b) for a, b in pairs))


def temperatures(steps: int) -> Tensor:
    """Returns 0 = t₀ < … < t_T = 1, [T + 1]: (i/T)², dense near 0, where p(z) p(x|z)^t changes fastest.

    A power as in Friel & Pettitt (2008); 2 gave steadier weights than the sigmoid of Wu et al.
    """
    return torch.linspace(0, 1, steps + 1, dtype=torch.float64).square()


def annealed_importance_sampling(
    model: nn.Module, images: Observations, steps: int, chains: int = CHAINS, progress: bool = False
) -> AnnealedEstimate:
    """Returns the estimate of log p(x) for uint8 images [N, C, H, W], N ≥ 1, over `steps` temperatures.

    Of `model` it takes `prior_sample` and `joint`, so that all latents of a hierarchy move together. Between
    two temperatures is one transition of Hamiltonian Monte Carlo. Each image has its step size, which pilot
    chains adapt and the others take: no chain that counts looks at its own past, so that each transition
    leaves its distribution invariant and the expected weight is p(x). Memory grows with neither steps nor N.
    Raises VaelineError for models whose latents are discrete.
    """
    together = max(1, rows_at_a_time(images.shape[1:]) // (PILOTS + chains))
    total = steps * math.ceil(len(images) / together)
    with bar(total=total, desc="AIS", unit="step", disable=not progress) as shown_steps:

        def parts_of(chunk: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            x = model_input(chunk, device_of(model))
            return _anneal(model, x, steps, chains, lambda: shown_steps.update(processes.size()))

        parts = processes.each(images.split(together), parts_of)
    return AnnealedEstimate(*(torch.cat(values) for values in zip(*parts, strict=True)))


def _anneal(
    model: nn.Module, x: Observations, steps: int, chains: int, tick: Callable[[], object]
) -> tuple[Tensor, Tensor, Tensor]:
    here = _at(model, x, model.prior_sample((PILOTS + chains, len(x))))
    step = here.z.new_full((len(x),), FIRST_STEP)
    log_weights = torch.zeros_like(here.log_prior, dtype=torch.float64)
    acceptance = torch.zeros_like(step)
    for before, t in pairwise(temperatures(steps).tolist()):
        log_weights += (t - before) * here.log_likelihood
        here, probability = _transition(model, x, here, t, step)
        step = step * (STEP_SIZE_GAIN * (probability[:PILOTS].mean(0) - TARGET)).exp()
        acceptance += probability[PILOTS:].mean(0) / steps
        tick()
    log_weights = log_weights[PILOTS:]
    ess = effective_sample_size(log_weights.logsumexp(0), (2 * log_weights).logsumexp(0))
    return log_mean_exp(log_weights).cpu(), ess.cpu(), acceptance.cpu()


def _transition(
    model: nn.Module, x: Observations, here: _Point, t: float, step: Tensor
) -> tuple[_Point, Tensor]:
    """Returns where the chains go under p(z) p(x|z)^t, and the probability with which each moved, [C, B]."""
    step = step.unsqueeze(-1)
    start = momentum = torch.randn_like(here.z)
    there = here
    for _ in range(LEAPFROGS):
        momentum = momentum + 0.5 * step * there.slope(t)
        there = _at(model, x, there.z + step * momentum)
        momentum = momentum + 0.5 * step * there.slope(t)
    rise = there.energy(t, momentum) - here.energy(t, start)
    probability = (-rise).exp().clamp(max=1).nan_to_num(0.0)  # a trajectory that left the numbers is refused
    return there.where(torch.rand_like(probability) < probability, here), probability


@torch.enable_grad()
def _at(model: nn.Module, x: Observations, z: Tensor) -> _Point:
    z = z.detach().requires_grad_()
    log_prior, likelihood = model.conditioned(x).joint(z)
    log_likelihood = likelihood.log_prob(pixels(x))
    (prior_slope,) = torch.autograd.grad(log_prior.sum(), z, retain_graph=True, allow_unused=True)
    if prior_slope is None:
        raise VaelineError(
            "ais_images: annealed importance sampling follows the slope of log p(z), and over codes there is "
            "none: set ais_images: 0"
        )
    (likelihood_slope,) = torch.autograd.grad(log_likelihood.sum(), z)
    return _Point(z.detach(), log_prior.detach(), log_likelihood.detach(), prior_slope, likelihood_slope)


def ais_against_bound(
    model: nn.Module, images: Observations, bound: Tensor, count: int, steps: int, progress: bool = False
) -> dict[str, Tensor]:
    """Returns AIS on `count` of N images and `bound` [N], in nats, on the same ones, each [count].

    The mean of `ais_minus_iwae` with its error is the check: above 0, the bound is loose by as much at least.
    Nothing for a count of 0.
    """
    if count == 0:
        return {}
    chosen = even_indices(len(images), count)
    seen = annealed_importance_sampling(model, images[chosen], steps, progress=progress)
    return {
        "ais": seen.log_likelihood,
        "ais_minus_iwae": seen.log_likelihood - bound[chosen],
        "iwae_on_ais_images": bound[chosen],
        "ais_ess": seen.ess,
        "ais_acceptance": seen.acceptance,
    }
