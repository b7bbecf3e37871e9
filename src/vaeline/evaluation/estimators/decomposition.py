"""What the rate consists of: information about x, dependence between dimensions, mismatch with the prior."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from vaeline.data.observations import Observations
from vaeline.evaluation.chunks import Gathered, even_indices, model_input_chunks
from vaeline.evaluation.estimators.factorised import factorised_layer
from vaeline.models.contracts import Model

DECOMPOSITION_IMAGES = 1000  # images whose z is drawn; the aggregate posterior is over all images
QUERY_CHUNK = 16  # of these at a time, at most
TERMS = 1 << 22  # numbers of Q · N · d at a time, at which fewer queries Q are taken together


@dataclass(frozen=True)
class RateDecomposition:
    """The three parts of the rate at each of M drawn z, in nats, [M]; their means add up to the mean KL.

    Attributes:
        mutual_information: between the index of an image and z.
        total_correlation: of the aggregate posterior q(z) = (1/N) Σ q(z|x_n).
        dimension_kl: Σ_j KL(q(z_j) ‖ p(z_j)).
    """

    mutual_information: Tensor
    total_correlation: Tensor
    dimension_kl: Tensor


@torch.inference_mode()
def decompose_rate(
    model: Model, images: Observations, queries: int = DECOMPOSITION_IMAGES
) -> RateDecomposition | None:
    """Returns the decomposition of the rate for uint8 images [N, C, H, W].

    The aggregate over these N images is exact, up to the noise of z; the information is at most log N. The
    result is None for a model whose posterior and prior are not one layer of diagonal Gaussians, for which it
    is not defined.

    References:
        Hoffman & Johnson (2016); Chen et al. (2018).
    """
    locs, scales, samples = (Gathered(len(images)) for _ in range(3))
    layer = None
    for x in model_input_chunks(model, images):
        layer = factorised_layer(model.infer(x))
        if layer is not None:
            locs.add(layer.posterior.loc)
            scales.add(layer.posterior.scale)
            samples.add(layer.sample[0])
    if layer is None:
        return None
    loc, scale = locs.whole, scales.whole
    chosen = even_indices(len(loc), queries).to(loc.device)
    z = samples.whole[chosen]
    log_prior = layer.prior.log_prob(z)  # [M, d]
    own = _log_normal(z, loc[chosen], scale[chosen]).sum(1)  # log q(z|x) at its own x, [M]
    joint, marginals = _aggregate(z, loc, scale)
    parts = own - joint, joint - marginals.sum(1), (marginals - log_prior).sum(1)
    return RateDecomposition(*(part.cpu() for part in parts))


def _aggregate(z: Tensor, loc: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
    """Returns log q(z) [M] and log q(z_j) [M, d] under the mixture of all N posteriors."""
    joint, marginals = Gathered(len(z)), Gathered(len(z))
    for queries in z.split(max(1, min(QUERY_CHUNK, TERMS // loc.numel()))):
        terms = _log_normal(queries[:, None], loc, scale)  # [Q, N, d]
        joint.add(terms.sum(2).logsumexp(1) - math.log(len(loc)))
        marginals.add(terms.logsumexp(1) - math.log(len(loc)))
    return joint.whole, marginals.whole


def _log_normal(z: Tensor, loc: Tensor, scale: Tensor) -> Tensor:
    return -0.5 * ((z - loc) / scale).square() - scale.log() - 0.5 * math.log(2 * math.pi)
