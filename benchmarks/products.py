"""The matrix products and convolutions of a model's step, and nothing else: what the machine itself needs."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

KINDS = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)
Work = Callable[[], object]


def products(model: nn.Module, x: Tensor, backward: bool) -> list[Work]:
    """Returns the products of `model(x)`, one call each, in their order.

    With `backward` also those of the weights' gradients and, but for the first layer, of the inputs'.
    """
    seen: list[tuple[nn.Module, Tensor, Tensor]] = []
    layers = [module for module in model.modules() if isinstance(module, KINDS)]
    hooks = [
        layer.register_forward_hook(lambda layer, inputs, output: seen.append((layer, *inputs, output)))
        for layer in layers
    ]
    with torch.no_grad():
        model(x)
    for hook in hooks:
        hook.remove()
    return [run for number, step in enumerate(seen) for run in _of_layer(*step, backward, number == 0)]


@torch.no_grad()
def replay(runs: list[Work], times: int = 1) -> None:
    """Does all products, `times` times over."""
    for _ in range(times):
        for run in runs:
            run()


def _of_layer(layer: nn.Module, x: Tensor, y: Tensor, backward: bool, first: bool) -> Iterator[Work]:
    if isinstance(layer, nn.Linear):
        yield from _of_linear(layer.weight.detach(), x, torch.randn_like(y), backward, first)
    else:
        yield from _of_convolution(layer, x, torch.randn_like(y), backward, first)


def _of_linear(weight: Tensor, x: Tensor, y: Tensor, backward: bool, first: bool) -> Iterator[Work]:
    out = torch.empty_like(y)
    yield lambda: torch.mm(x, weight.T, out=out)
    if backward:
        of_weight, of_input = torch.empty_like(weight), torch.empty_like(x)
        yield lambda: torch.mm(y.T, x, out=of_weight)
        if not first:
            yield lambda: torch.mm(y, weight, out=of_input)


def _of_convolution(layer: nn.Module, x: Tensor, y: Tensor, backward: bool, first: bool) -> Iterator[Work]:
    weight = layer.weight.detach()
    transposed = isinstance(layer, nn.ConvTranspose2d)
    shape = (layer.stride, layer.padding, layer.dilation, transposed, layer.output_padding, layer.groups)
    yield lambda: torch.ops.aten.convolution(x, weight, None, *shape)
    if backward:
        wanted = [not first, True, False]
        yield lambda: torch.ops.aten.convolution_backward(y, x, weight, None, *shape, wanted)
