"""What an objective returns for a batch."""

from typing import NamedTuple

from torch import Tensor


class Terms(NamedTuple):
    """The loss to minimise, and the plain quantities of the batch, without any training trick, in nats.

    Attributes:
        loss: a scalar.
        distortion: −log p(x|z), [B].
        kl: the KL of each dimension, [B, terms].
        max_variance: the largest posterior variance in the batch, as a multiple of the prior's, a scalar.
    """

    loss: Tensor
    distortion: Tensor
    kl: Tensor
    max_variance: Tensor
