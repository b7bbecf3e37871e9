"""The matrix products and convolutions of a model's step, and nothing else: what the machine itself needs."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

WeightedLayer = nn.Linear | nn.Conv2d | nn.ConvTranspose2d
Product = Callable[[], object]


def products(model: nn.Module, x: Tensor, backward: bool) -> list[Product]:
    """Returns the products of `model(x)`, one call each, in their order.

    With `backward`, also those of the weights' gradients and, except for the first layer, of the inputs'.
    """
    calls: list[tuple[WeightedLayer, Tensor, Tensor]] = []

    def note(layer: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        assert isinstance(layer, WeightedLayer)
        calls.append((layer, *inputs, output))

    hooks = [m.register_forward_hook(note) for m in model.modules() if isinstance(m, WeightedLayer)]
    with torch.no_grad():
        model(x)
    for hook in hooks:
        hook.remove()
    return [run for number, call in enumerate(calls) for run in _of_layer(*call, backward, number == 0)]


@torch.no_grad()
def replay(runs: list[Product], times: int = 1) -> None:
    """Computes all products, `times` times."""
    for _ in range(times):
        for run in runs:
            run()


def _of_layer(layer: WeightedLayer, x: Tensor, y: Tensor, backward: bool, first: bool) -> Iterator[Product]:
    if isinstance(layer, nn.Linear):
        yield from _of_linear(layer.weight.detach(), x, torch.randn_like(y), backward, first)
    else:
        yield from _of_convolution(layer, x, torch.randn_like(y), backward, first)


def _of_linear(weight: Tensor, x: Tensor, y: Tensor, backward: bool, first: bool) -> Iterator[Product]:
    out = torch.empty_like(y)
    yield lambda: torch.mm(x, weight.T, out=out)
    if backward:
        of_weight, of_input = torch.empty_like(weight), torch.empty_like(x)
        yield lambda: torch.mm(y.T, x, out=of_weight)
        if not first:
            yield lambda: torch.mm(y, weight, out=of_input)


def _of_convolution(
    layer: nn.Conv2d | nn.ConvTranspose2d, x: Tensor, y: Tensor, backward: bool, first: bool
) -> Iterator[Product]:
    weight = layer.weight.detach()
    transposed = isinstance(layer, nn.ConvTranspose2d)
    options = (layer.stride, layer.padding, layer.dilation, transposed, layer.output_padding, layer.groups)
    yield lambda: torch.ops.aten.convolution(x, weight, None, *options)
    if backward:
        wanted = [not first, True, False]
        yield lambda: torch.ops.aten.convolution_backward(y, x, weight, None, *options, wanted)
