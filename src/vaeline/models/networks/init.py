"""Initial weights that keep the variance of activations through the layers."""

import math
from collections.abc import Iterator
from typing import Literal

import torch
from torch import Tensor, nn

Nonlinearity = Literal["linear", "relu", "leaky_relu", "tanh"]
Weighted = nn.Linear | nn.Conv2d | nn.ConvTranspose2d


@torch.no_grad()
def init_weights(module: nn.Module, nonlinearity: Nonlinearity = "linear") -> None:
    """Initialises the linear and convolutional layers in `module`, each followed by `nonlinearity`.

    Before a (leaky) ReLU: He normal, gain²/fan_in (He et al. 2015, equation 10). Before tanh or nothing, as
    in heads and output layers: Glorot uniform (Glorot & Bengio 2010, equation 16). Biases start at 0.
    """
    for layer in weighted_layers(module):
        fan_in, fan_out = fans(layer)
        if nonlinearity in ("relu", "leaky_relu"):
            layer.weight.normal_(0.0, nn.init.calculate_gain(nonlinearity) / math.sqrt(fan_in))
        else:
            bound = math.sqrt(6.0 / (fan_in + fan_out))
            layer.weight.uniform_(-bound, bound)
        if layer.bias is not None:
            layer.bias.zero_()


def weighted_layers(module: nn.Module) -> Iterator[Weighted]:
    """Yields the linear and convolutional layers in `module`, in order."""
    return (layer for layer in module.modules() if isinstance(layer, Weighted))


def output_layer(module: nn.Module) -> Weighted:
    """Returns the last linear or convolutional layer in `module`."""
    *_, last = weighted_layers(module)
    return last


def output_bias(module: nn.Module) -> Tensor:
    """Returns the bias of that layer; raises ValueError if it has none."""
    bias = output_layer(module).bias
    if bias is None:
        raise ValueError("the last layer has no bias")
    return bias


def fans(layer: Weighted) -> tuple[float, float]:
    """Returns how many inputs reach one output, and how many outputs one input reaches.

    A transposed convolution stores its weight as (in, out, k, k), and at stride s only (k/s)² of the
    kernel's taps meet any one output pixel. For a convolution the same holds from outputs to inputs.
    """
    if isinstance(layer, nn.Linear):
        return layer.in_features, layer.out_features
    taps = math.prod(layer.kernel_size)
    strided = taps / math.prod(layer.stride)
    into, out_of = (strided, taps) if isinstance(layer, nn.ConvTranspose2d) else (taps, strided)
    return layer.in_channels * into, layer.out_channels * out_of
