"""Paths between two points of latent space."""

import torch
from torch import Tensor


def linear(start: Tensor, end: Tensor, steps: int) -> Tensor:
    """Returns `steps` points on the line from `start` [..., d] to `end` [..., d]: [..., steps, d].

    In many dimensions its middle is closer to the origin than samples of a standard normal prior.
    """
    t = torch.linspace(0, 1, steps, dtype=start.dtype, device=start.device)[:, None]
    return (1 - t) * start.unsqueeze(-2) + t * end.unsqueeze(-2)


def spherical(start: Tensor, end: Tensor, steps: int) -> Tensor:
    """Returns `steps` points on the great arc from `start` [..., d] to `end` [..., d]: [..., steps, d].

    sin((1 − t) ω) / sin ω · start + sin(t ω) / sin ω · end, where ω is the angle between them. It is linear
    if they have the same or opposite directions, between which no arc is the shortest.

    References:
        White (2016), "Sampling generative networks", section 2.1.
    """
    t = torch.linspace(0, 1, steps, dtype=start.dtype, device=start.device)[:, None]
    cosine = torch.cosine_similarity(start, end, dim=-1).clamp(-1, 1)
    angle = cosine.acos()[..., None, None]
    sine = angle.sin()
    arc = ((1 - t) * angle).sin() * start.unsqueeze(-2) + (t * angle).sin() * end.unsqueeze(-2)
    return torch.where(sine > 1e-3, arc / sine, linear(start, end, steps))
