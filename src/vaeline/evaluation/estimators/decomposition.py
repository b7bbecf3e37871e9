"""What the rate is made of: information about the image, dependence of dimensions, misfit to the prior."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from vaeline.data.observations import Observations
from vaeline.evaluation.chunks import even_indices, model_input_chunks

DECOMPOSITION_IMAGES = 1000  # images whose z is drawn; the aggregate posterior is over all images
QUERY_CHUNK = 16  # of them at a time: memory is PIECE · N · d numbers


@dataclass(frozen=True)
class RateDecomposition:
    """The three parts of the rate at each of M drawn z, in nats, [M]; their means add up to the mean KL.

    `mutual_information` of image index and z, `total_correlation` of the aggregate posterior
    q(z) = (1/N) Σ q(z|x_n), and `dimension_kl`, Σ_j KL(q(z_j) ‖ p(z_j)).
    """

    mutual_information: Tensor
    total_correlation: Tensor
    dimension_kl: Tensor


@torch.inference_mode()
def decompose_rate(
    model: nn.Module, images: Observations, queries: int = DECOMPOSITION_IMAGES
) -> RateDecomposition | None:
    """Returns the decomposition for uint8 images [N, C, H, W] (Hoffman & Johnson 2016; Chen et al. 2018).

    Exact in the aggregate over these N images, up to the noise of z; the information is at most log N. None
    for a model whose posterior and prior are not one layer of diagonal Gaussians: it is not defined there.
    """
    layers = [model.infer(x).layers for x in model_input_chunks(model, images)]
    if not all(len(layer) == 1 and layer[0].factorised for layer in layers):
        return None
    loc, scale = (
        torch.cat([getattr(layer.posterior.base_dist, name) for (layer,) in layers])
        for name in ("loc", "scale")
    )
    chosen = even_indices(len(loc), queries).to(loc.device)
    z = torch.cat([layer.sample[0] for (layer,) in layers])[chosen]
    log_prior = layers[0][0].prior.base_dist.log_prob(z)  # [M, d]
    own = _log_normal(z, loc[chosen], scale[chosen]).sum(1)  # log q(z|x) at its own x, [M]
    joint, marginals = _aggregate(z, loc, scale)
    parts = own - joint, joint - marginals.sum(1), (marginals - log_prior).sum(1)
    return RateDecomposition(*(part.cpu() for part in parts))


def _aggregate(z: Tensor, loc: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
    """Returns log q(z) [M] and log q(z_j) [M, d] under the mixture of all N posteriors."""
    joint, marginals = [], []
    for piece in z.split(QUERY_CHUNK):
        terms = _log_normal(piece[:, None], loc, scale)  # [PIECE, N, d]
        joint.append(terms.sum(2).logsumexp(1) - math.log(len(loc)))
        marginals.append(terms.logsumexp(1) - math.log(len(loc)))
    return torch.cat(joint), torch.cat(marginals)


def _log_normal(z: Tensor, loc: Tensor, scale: Tensor) -> Tensor:
    return -0.5 * ((z - loc) / scale).square() - scale.log() - 0.5 * math.log(2 * math.pi)
