"""The roofline of a step: its products at their rate, and one pass over memory at the rate of copying."""

import torch
from torch import Tensor, nn

from benchmarks.products import Product

READ, WRITTEN = 4, 3
"""Adam reads a weight, its gradient and its two moments, and writes all but the gradient."""


def one_pass(model: nn.Module, x: Tensor, outputs: Tensor, backward: bool) -> Product:
    """Returns a copy of as many bytes as a step must read and write beside its products.

    The likelihood reads what is observed and what the decoder gives. With `backward`, it writes the gradient
    of the latter, and Adam updates the weights. What is small enough stays in the processor's caches, for the
    copy as for the step.

    Args:
        model: what is trained, or evaluated.
        x: what is observed.
        outputs: what the decoder gives, for x or for several draws of z.
        backward: whether the step is one of training.
    """
    floats = x.numel() + outputs.numel()
    if backward:
        weights = sum(parameter.numel() for parameter in model.parameters())
        floats += outputs.numel() + (READ + WRITTEN) * weights
    source = torch.zeros(floats // 2, device=x.device)  # a copy reads and writes each
    target = torch.empty_like(source)
    return lambda: target.copy_(source)
