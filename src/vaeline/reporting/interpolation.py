"""Ways from one point of latent space to another."""

import torch
from torch import Tensor


def linear(start: Tensor, end: Tensor, steps: int) -> Tensor:
    """Returns `steps` points on the straight line from z [..., d] to z [..., d]: [..., steps, d].

    In many dimensions its middle is nearer to the origin than draws of a standard normal prior are.
    """
    t = torch.linspace(0, 1, steps, dtype=start.dtype, device=start.device)[:, None]
    return (1 - t) * start.unsqueeze(-2) + t * end.unsqueeze(-2)


def spherical(start: Tensor, end: Tensor, steps: int) -> Tensor:
    """Returns `steps` points on the great arc from z [..., d] to z [..., d]: [..., steps, d].

    sin((1 − t) ω) / sin ω · start + sin(t ω) / sin ω · end, with ω the angle between them (White 2016,
    "Sampling generative networks", section 2.1). It is linear where they point the same way, or opposite
    ways, between which no arc is the shortest.
    """
    t = torch.linspace(0, 1, steps, dtype=start.dtype, device=start.device)[:, None]
    cosine = torch.cosine_similarity(start, end, dim=-1).clamp(-1, 1)
    angle = cosine.acos()[..., None, None]
    sine = angle.sin()
    arc = ((1 - t) * angle).sin() * start.unsqueeze(-2) + (t * angle).sin() * end.unsqueeze(-2)
    return torch.where(sine > 1e-3, arc / sine, linear(start, end, steps))
