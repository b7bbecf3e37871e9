"""What an objective says of a batch."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Terms:
    """The loss to minimise, a scalar, and the plain quantities of the batch, free of any trick, in nats.

    `distortion` [B] is −log p(x|z), `kl` [B, terms] the KL of each dimension, `max_variance` a scalar, the
    largest posterior variance in the batch.
    """

    loss: Tensor
    distortion: Tensor
    kl: Tensor
    max_variance: Tensor
