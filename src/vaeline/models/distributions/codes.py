"""Distributions over codes, given by their vectors: d = positions · dim numbers side by side."""

from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor

from vaeline.models.distributions.codebook import nearest_codes
from vaeline.models.distributions.divergences import Termwise
from vaeline.models.distributions.noise import Noise, NoiseDriven


class Assigned(Termwise):
    """q(z|x) with one code at each position, of probability 1.

    Draws are `at`, and their gradient goes straight through to `vectors`. log q is 0 there, a probability and
    not a density. Its gradient is that of the commitment loss, `commitment` · ‖vectors − at‖² (van den Oord
    et al. 2017, equation 3): it enters wherever log q does, and changes no value.

    Args:
        vectors: the encoder's, [B, positions, dim].
        at: the codes' vectors that are nearest to those, [B, positions, dim].
        commitment: weight of the commitment loss.
    """

    has_rsample = True

    def __init__(self, vectors: Tensor, at: Tensor, commitment: float) -> None:
        self.vectors, self.at, self.commitment = vectors, at.detach(), commitment
        super().__init__(vectors.shape[:1], vectors.flatten(1).shape[1:], validate_args=False)

    @property
    def mean(self) -> Tensor:
        """The codes' vectors, [B, d]."""
        return self.at.flatten(1)

    @property
    def variance(self) -> Tensor:
        """Zeros, [B, d]."""
        return torch.zeros_like(self.mean)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Returns the codes' vectors for each of `sample_shape`, one memory for all, with a gradient."""
        through = self.at + (self.vectors - self.vectors.detach())
        return through.flatten(1).expand(*sample_shape, *self.batch_shape, *self.event_shape)

    def terms(self, value: Tensor) -> Tensor:
        """Returns log q of each position's vector, 0 or −∞, [..., B, positions]."""
        cost = self.commitment * (self.vectors - self.at).square().sum(-1)
        equal = (value.unflatten(-1, self.at.shape[1:]) == self.at).all(-1)
        return torch.where(equal, cost - cost.detach(), -torch.inf)


class ChooseCodes(Protocol):
    """Draws codes one after the other."""

    def __call__(self, uniform: Tensor, temperature: float = 1.0) -> Tensor:
        """Returns the codes that uniform numbers in [0, 1] draw, [N, positions] both.

        The logits of each are divided by the temperature.
        """


class Coded(NoiseDriven, Termwise):
    """p(z) = Π_i p(c_i | c_1 … c_{i−1}), where the vectors of z are rows c_i of `table`.

    Args:
        table: the codes' vectors, [codes, dim].
        positions: how many codes z is made of.
        logits: takes codes [N, positions] to the unnormalised log-probabilities of each, [N, positions,
            codes], of which those of position i depend on the codes before it only.
        choose: draws codes.
        temperature: what the logits are divided by.
    """

    def __init__(
        self,
        table: Tensor,
        positions: int,
        logits: Callable[[Tensor], Tensor],
        choose: ChooseCodes,
        temperature: float = 1.0,
    ) -> None:
        self.table, self.positions, self.logits, self.choose = table, positions, logits, choose
        self.temperature = temperature
        super().__init__(torch.Size(), torch.Size([positions * table.shape[1]]), validate_args=False)

    def tempered(self, temperature: float) -> "Coded":
        """Returns the distribution whose logits are divided by `temperature`."""
        return Coded(self.table, self.positions, self.logits, self.choose, temperature * self.temperature)

    def terms(self, value: Tensor) -> Tensor:
        """Returns log p(c_i | c_1 … c_{i−1}) in nats, [..., positions]; −∞ for what is in no row."""
        if value.dim() > 2 and value.stride(0) == 0:  # one draw, many times
            once = self.terms(value[0])
            return once.expand(len(value), *once.shape)
        codes, distance = nearest_codes(value.unflatten(-1, (self.positions, -1)), self.table)
        logits = self.logits(codes.reshape(-1, self.positions)) / self.temperature
        log_p = logits.log_softmax(-1)
        log_p = log_p.gather(-1, codes.reshape(-1, self.positions, 1)).reshape(codes.shape)
        return torch.where(distance == 0, log_p, -torch.inf)

    @torch.no_grad()
    def draw(self, sample_shape: Sequence[int], noise: Noise) -> Tensor:
        """Returns draws [*sample_shape, d] without a gradient, code by code."""
        uniform = torch.special.ndtr(noise(torch.Size((*sample_shape, self.positions)), self.table))
        codes = self.choose(uniform.reshape(-1, self.positions), self.temperature)
        return self.table[codes].reshape(*sample_shape, *self.event_shape)
