"""Bits-back coding: images in a stack of bits, as long as the bound of their model says.

Townsend, Bird & Barber, "Practical lossless compression with latent variables using bits back coding" (2019);
the argument is that of Hinton & van Camp (1993).
"""

import copy
import hashlib
import math

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Distribution

from vaeline.core.errors import VaelineError
from vaeline.data.observations import observed
from vaeline.evaluation.compression.bit_stack import BitStack, RoundedNormal
from vaeline.evaluation.compression.fixed_point import fixed_point
from vaeline.evaluation.compression.observation_codes import OBSERVATION_CODES
from vaeline.models.contracts import Model
from vaeline.models.inference import Inference

CELL = 2.0**-8
"""Width of a cell of z, in standard deviations of the prior."""
LIMIT = round(12 / CELL)
"""Cells on each side of the prior's mean."""
WINDOW_REACH = 6
"""Standard deviations of q(z|x) on each side of its mean.

No cell has a probability below 2⁻²⁴. In a wider range z would be drawn far from the mean too often.
"""

CAN_COMPRESS = (
    "train with model.name=vae, posterior.name=diagonal, prior.name=standard_normal and "
    "likelihood.name=bernoulli or discretized_logistic, or set compress_images=0"
)


class BitsBack:
    """Pushes images on a stack of bits, and pops them off, with a trained model of one stochastic layer.

    To push x: pop z ~ q(z|x), which removes −log₂ q(z|x) bits; push x by p(x|z), and z by p(z). The stack
    grows by log₂ q(z|x) − log₂ p(x|z) − log₂ p(z) bits, on average −ELBO. To pop x, the same is done
    backwards, and the bits that drew z are back on the stack. z is coded in cells, whose width cancels: q and
    p are both in proportion to it.

    Networks run in double precision on the CPU with one image at a time, and distributions are rounded to
    fixed point, so that both directions have the same numbers.

    Args:
        model: the model; a copy of it is used.

    Attributes:
        model: the copy.
        code: the code of x.
        digest: eight bytes of the SHA-256 of the weights and their names.

    Raises:
        VaelineError: for a model that it cannot be done with, and what to use instead.
    """

    def __init__(self, model: Model) -> None:
        self.digest = _weights_digest(model)
        self.model = copy.deepcopy(model).cpu().double().eval()
        with torch.inference_mode():
            blank = self.model.infer(_input(np.zeros(model.event_shape, np.uint8)), noise=_no_noise)
        _reject_other_models(model, blank)
        self.prior = blank.layers[0].prior
        self.code = OBSERVATION_CODES[type(blank.likelihood)]

    @torch.inference_mode()
    def push(self, stack: BitStack, levels: np.ndarray) -> float:
        """Pushes an image, uint8 [*event_shape], and returns its −ELBO at the z that was drawn, in bits."""
        posterior = self._posterior(levels)
        cells = stack.pop_normals(self._in_cells(posterior))
        z = self._z(cells)
        log_prior, likelihood = self.model.joint(z)
        self.code(likelihood).push(stack, levels)
        stack.push_normals(cells, self._prior_in_cells())
        log_weight = log_prior + likelihood.log_prob(_input(levels)) - posterior.log_prob(z)
        return -log_weight.item() / math.log(2)

    @torch.inference_mode()
    def pop(self, stack: BitStack) -> np.ndarray:
        """Returns the image that was pushed last, uint8 [*event_shape].

        Raises:
            KeyError: if the stack holds no image of this model.
        """
        cells = stack.pop_normals(self._prior_in_cells())
        levels = self.code(self.model.joint(self._z(cells))[1]).pop(stack)
        stack.push_normals(cells, self._in_cells(self._posterior(levels)))
        return levels

    def _posterior(self, levels: np.ndarray) -> Distribution:
        """Returns q(z|x): batch [1], event [d]."""
        return self.model.layers(_input(levels), noise=_no_noise)[0].posterior

    def _in_cells(self, posterior: Distribution) -> list[RoundedNormal]:
        """Returns q(z|x) of each dimension, in cells from the mean of the prior."""
        mean = fixed_point((posterior.mean - self.prior.mean) / self.prior.stddev / CELL)[0]
        std = fixed_point((posterior.stddev / self.prior.stddev / CELL).log())[0].exp()
        least = (mean - WINDOW_REACH * std).floor().clamp(-LIMIT, LIMIT - 1).long()
        most = (mean + WINDOW_REACH * std).ceil().clamp(1 - LIMIT, LIMIT).long()
        return list(map(RoundedNormal, mean.tolist(), std.tolist(), least.tolist(), most.tolist()))

    def _prior_in_cells(self) -> list[RoundedNormal]:
        return [RoundedNormal(0.0, 1 / CELL, -LIMIT, LIMIT)] * self.prior.event_shape.numel()

    def _z(self, cells: np.ndarray) -> Tensor:
        """Returns the middles of cells [d] as z, [1, d]."""
        return self.prior.mean + self.prior.stddev * CELL * torch.from_numpy(cells)[None]


def _input(levels: np.ndarray) -> Tensor:
    return observed(torch.from_numpy(levels)[None]).double()


def _no_noise(shape: torch.Size, like: Tensor) -> Tensor:
    return like.new_zeros(shape)


def _weights_digest(model: Model) -> bytes:
    digest = hashlib.sha256()
    for name, weight in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(weight.cpu().contiguous().numpy().tobytes())
    return digest.digest()[:8]


def _reject_other_models(model: Model, inference: Inference) -> None:
    layers, likelihood = inference.layers, inference.likelihood
    reasons = {
        "the labels that the model is conditioned on would be missing": model.classes > 0,
        "the model has several stochastic layers": len(layers) > 1,
        "q(z|x) and p(z) have to be diagonal Gaussians": not all(layer.factorised for layer in layers),
        "p(x|z) has to give the probability of each level": type(likelihood) not in OBSERVATION_CODES,
        "values have to be uint8 levels": model.scaling.dtype != "uint8",
    }
    for reason in (reason for reason, holds in reasons.items() if holds):
        raise VaelineError(f"cannot compress, {reason}: {CAN_COMPRESS}")
