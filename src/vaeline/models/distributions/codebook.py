"""A codebook: vectors that represent all others, each the running mean of those that it represents."""

import torch
from torch import Tensor

from vaeline.models.distributions.noise import Noise, global_noise
from vaeline.models.running import KeepsStatistics

DEAD_SHARE = 0.1  # of an even share: a code that is used less starts again


def nearest_codes(vectors: Tensor, table: Tensor) -> tuple[Tensor, Tensor]:
    """Returns which row of `table` [codes, d] is nearest to each of `vectors` [..., d], and how far: [...].

    Differences are taken one by one, so that a row of the table has a distance of exactly 0 to itself.
    """
    flat = vectors.detach().reshape(1, -1, vectors.shape[-1])
    distances = torch.cdist(flat, table[None], compute_mode="donot_use_mm_for_euclid_dist")[0]
    distance, codes = distances.min(-1)
    return codes.reshape(vectors.shape[:-1]), distance.reshape(vectors.shape[:-1])


class Codebook(KeepsStatistics):
    """`codes` vectors of `dim` numbers, each the running mean of the vectors that were assigned to it.

    van den Oord et al. (2017), appendix A.1: an exponential moving average of how many there were and of
    their sum, both divided by how many vectors a batch has, so that `running_shares` are of all vectors. A
    code that is used too little starts again at a random vector of the batch, with an even share (the random
    restarts of Dhariwal et al. 2020, Jukebox).
    """

    running_shares: Tensor
    running_sums: Tensor

    def __init__(self, codes: int, dim: int, decay: float) -> None:
        super().__init__()
        self.decay = decay
        self.register_buffer("running_shares", torch.full((codes,), 1 / codes))
        self.register_buffer("running_sums", torch.randn(codes, dim) / codes)

    @property
    def table(self) -> Tensor:
        """The vectors, [codes, dim]."""
        return self.running_sums / self.running_shares.unsqueeze(-1)

    def running_statistics(self) -> tuple[Tensor, ...]:
        """Returns both moving averages."""
        return self.running_shares, self.running_sums

    @torch.no_grad()
    def start_at(self, vectors: Tensor, noise: Noise = global_noise) -> None:
        """Starts at random ones of `vectors` [N, dim], each with an even share; some twice if N < codes."""
        codes = len(self.running_shares)
        self.running_shares.fill_(1 / codes)
        self.running_sums.copy_(_random_rows(vectors, codes, noise) / codes)

    @torch.no_grad()
    def follow(self, vectors: Tensor, codes: Tensor, noise: Noise = global_noise) -> None:
        """Moves towards vectors that were assigned to codes, and restarts dead codes.

        Args:
            vectors: [B, …, dim].
            codes: [B, …].
            noise: asked for [1, B, …]; it chooses the vectors at which dead codes start again.
        """
        size = len(self.running_shares)
        restarts = _random_rows(vectors, size, noise)
        vectors = vectors.reshape(-1, vectors.shape[-1])
        assigned = (codes.reshape(-1, 1) == torch.arange(size, device=codes.device)).to(vectors.dtype)
        with torch.autocast(vectors.device.type, enabled=False):
            sums = assigned.T @ vectors / len(vectors)
        self.running_shares.lerp_(assigned.mean(0), 1 - self.decay)
        self.running_sums.lerp_(sums, 1 - self.decay)
        even = torch.full_like(self.running_shares, 1 / size)
        dead = self.running_shares.lt(DEAD_SHARE / size)
        self.running_shares.copy_(torch.where(dead, even, self.running_shares))
        self.running_sums.copy_(torch.where(dead.unsqueeze(-1), restarts / size, self.running_sums))


def usage(codes: Tensor, size: int) -> tuple[float, float]:
    """Returns the perplexity of `codes` [...], and the share of all `size` codes that are among them.

    The perplexity is exp(−Σ p log p) of their frequencies p: 1 where a single code is used, `size` where all
    are used equally.
    """
    p = torch.bincount(codes.flatten(), minlength=size).double() / codes.numel()
    return torch.special.entr(p).sum().exp().item(), (p > 0).double().mean().item()


def _random_rows(vectors: Tensor, count: int, noise: Noise) -> Tensor:
    """Returns `count` random rows of `vectors` [..., d], no two of them the same row if there are as many."""
    order = noise(torch.Size((1, *vectors.shape[:-1])), vectors).flatten().argsort()
    rows = vectors.reshape(-1, vectors.shape[-1])
    return rows[order[torch.arange(count, device=rows.device) % len(rows)]]
