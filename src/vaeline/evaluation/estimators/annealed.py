"""log p(x) by annealed importance sampling: chains from the prior to the posterior, without any q.

Neal (2001), "Annealed importance sampling"; for decoders Wu, Burda, Salakhutdinov & Grosse (2017).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from vaeline.core.errors import VaelineError
from vaeline.core.progress import bar
from vaeline.data.observations import Observations, pixels
from vaeline.evaluation.chunks import device_of, even_indices, model_input, rows_at_a_time
from vaeline.models.contracts import Model
from vaeline.models.distributions.numerics import effective_sample_size, log_mean_exp
from vaeline.runtime import processes

CHAINS = 16  # for each image, as Wu et al.
PILOTS = 4  # additional chains that only adapt the step size
LEAPFROGS = 2  # in a transition; at equal cost, more of them between fewer temperatures had noisier weights
FIRST_STEP = 0.2
TARGET = 0.65  # acceptance rate at which HMC is cheapest (Neal 2011, section 4.4)
STEP_SIZE_GAIN = 0.1  # change of the logarithm of the step size, for each unit of acceptance off the target


@dataclass(frozen=True)
class AnnealedEstimate:
    """The estimate for each image, from its chains.

    Attributes:
        log_likelihood: [N] in nats; on average at or below log p(x), and nearer with more steps.
        ess: [N], the effective sample size (Σw)²/Σw² over the chains; near 1, a single chain decides.
        acceptance: [N], the acceptance rate of the HMC proposals.
    """

    log_likelihood: Tensor
    ess: Tensor
    acceptance: Tensor


class _Point(NamedTuple):
    """Positions of the chains [C, B]: z [C, B, d], log p(z), log p(x|z) [C, B], and the gradients of both."""

    z: Tensor
    log_prior: Tensor
    log_likelihood: Tensor
    prior_slope: Tensor
    likelihood_slope: Tensor

    def energy(self, t: float, momentum: Tensor) -> Tensor:
        return 0.5 * momentum.square().sum(-1) - self.log_prior - t * self.log_likelihood

    def slope(self, t: float) -> Tensor:
        return self.prior_slope + t * self.likelihood_slope

    def where(self, accepted: Tensor, rejected: "_Point") -> "_Point":
        wide = accepted.unsqueeze(-1)
        pairs = zip(self, rejected, strict=True)
        return _Point(*(torch.where(wide if a.dim() == 3 else accepted, a, b) for a, b in pairs))


def temperatures(steps: int) -> Tensor:
    """Returns 0 = t₀ < … < t_T = 1, [T + 1]: (i/T)², dense near 0, where p(z) p(x|z)^t changes fastest.

    A power, as in Friel & Pettitt (2008); 2 gave less noisy weights than the sigmoid of Wu et al.
    """
    return torch.linspace(0, 1, steps + 1, dtype=torch.float64).square()


def annealed_importance_sampling(
    model: Model, images: Observations, steps: int, chains: int = CHAINS, progress: bool = False
) -> AnnealedEstimate:
    """Estimates log p(x) with a transition of Hamiltonian Monte Carlo between each two temperatures.

    It uses `prior_sample` and `joint` of the model, so that all latents of a hierarchy move together. Each
    image has its own step size, which is adapted by pilot chains and used by the others: no chain that counts
    depends on its own past, so that each transition leaves its distribution invariant, and the expected
    weight is p(x). Memory grows with neither `steps` nor N.

    Args:
        model: a model whose latents are continuous.
        images: uint8 [N, C, H, W], N ≥ 1.
        steps: number of temperatures.
        chains: chains for each image.
        progress: whether to show a progress bar.

    Raises:
        VaelineError: if the latents of the model are discrete.
    """
    together = max(1, rows_at_a_time(images.shape[1:]) // (PILOTS + chains))
    total = steps * math.ceil(len(images) / together)
    with bar(total=total, desc="AIS", unit="step", disable=not progress) as step_bar:

        def anneal(chunk: Observations) -> tuple[Tensor, Tensor, Tensor]:
            x = model_input(chunk, device_of(model))
            return _anneal(model, x, steps, chains, lambda: step_bar.update(processes.size()))

        parts = processes.each(images.split(together), anneal)
    return AnnealedEstimate(*(torch.cat(values) for values in zip(*parts, strict=True)))


def _anneal(
    model: Model, x: Observations, steps: int, chains: int, tick: Callable[[], object]
) -> tuple[Tensor, Tensor, Tensor]:
    point = _at(model, x, model.prior_sample((PILOTS + chains, len(x))))
    step = point.z.new_full((len(x),), FIRST_STEP)
    log_weights = torch.zeros_like(point.log_prior, dtype=torch.float64)
    acceptance = torch.zeros_like(step)
    for before, t in pairwise(temperatures(steps).tolist()):
        log_weights += (t - before) * point.log_likelihood
        point, probability = _transition(model, x, point, t, step)
        step = step * (STEP_SIZE_GAIN * (probability[:PILOTS].mean(0) - TARGET)).exp()
        acceptance += probability[PILOTS:].mean(0) / steps
        tick()
    log_weights = log_weights[PILOTS:]
    ess = effective_sample_size(log_weights.logsumexp(0), (2 * log_weights).logsumexp(0))
    return log_mean_exp(log_weights).cpu(), ess.cpu(), acceptance.cpu()


def _transition(
    model: Model, x: Observations, start: _Point, t: float, step: Tensor
) -> tuple[_Point, Tensor]:
    """Returns the chains after a step under p(z) p(x|z)^t, and the probability of acceptance, [C, B]."""
    step = step.unsqueeze(-1)
    first_momentum = momentum = torch.randn_like(start.z)
    end = start
    for _ in range(LEAPFROGS):
        momentum = momentum + 0.5 * step * end.slope(t)
        end = _at(model, x, end.z + step * momentum)
        momentum = momentum + 0.5 * step * end.slope(t)
    rise = end.energy(t, momentum) - start.energy(t, first_momentum)
    probability = (-rise).exp().clamp(max=1).nan_to_num(0.0)  # a trajectory that overflowed is rejected
    return end.where(torch.rand_like(probability) < probability, start), probability


@torch.enable_grad()
def _at(model: Model, x: Observations, z: Tensor) -> _Point:
    z = z.detach().requires_grad_()
    log_prior, likelihood = model.conditioned(x).joint(z)
    log_likelihood = likelihood.log_prob(pixels(x))
    # None for discrete latents, although the stubs of torch say otherwise.
    slopes: tuple[Tensor | None, ...] = torch.autograd.grad(
        log_prior.sum(), z, retain_graph=True, allow_unused=True
    )
    if (prior_slope := slopes[0]) is None:
        raise VaelineError(
            "ais_images: annealed importance sampling needs the gradient of log p(z), which discrete codes "
            "do not have: `dvc exp run -S ais_images=0`"
        )
    (likelihood_slope,) = torch.autograd.grad(log_likelihood.sum(), z)
    return _Point(z.detach(), log_prior.detach(), log_likelihood.detach(), prior_slope, likelihood_slope)


def ais_against_bound(
    model: Model, images: Observations, bound: Tensor, count: int, steps: int, progress: bool = False
) -> dict[str, Tensor]:
    """Returns AIS on `count` of N images, and the bound [N] on the same ones, in nats, each [count].

    The mean of `ais_minus_iwae` with its error is the check: above 0, the bound is loose by at least as much.
    Empty for a count of 0.
    """
    if count == 0:
        return {}
    chosen = even_indices(len(images), count)
    estimate = annealed_importance_sampling(model, images[chosen], steps, progress=progress)
    return {
        "ais": estimate.log_likelihood,
        "ais_minus_iwae": estimate.log_likelihood - bound[chosen],
        "iwae_on_ais_images": bound[chosen],
        "ais_ess": estimate.ess,
        "ais_acceptance": estimate.acceptance,
    }
