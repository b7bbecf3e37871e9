"""Models with one layer of diagonal Gaussians, for which more measures are defined than for others."""

from typing import NamedTuple

from torch import Tensor
from torch.distributions import Normal

from vaeline.models.distributions.gaussians import is_diagonal_gaussian
from vaeline.models.inference import Inference


class FactorisedLayer(NamedTuple):
    """The only layer of a model: q(z_j|x) [B, d], p(z_j) and the drawn z [K, B, d]."""

    posterior: Normal
    prior: Normal
    sample: Tensor


def factorised_layer(inference: Inference) -> FactorisedLayer | None:
    """Returns the layer of an inference with one layer of diagonal Gaussians, and None for any other."""
    layer, *further = inference.layers
    q, p = layer.posterior, layer.prior
    if further or not layer.factorised or not is_diagonal_gaussian(q) or not is_diagonal_gaussian(p):
        return None
    return FactorisedLayer(q.base_dist, p.base_dist, layer.sample)
