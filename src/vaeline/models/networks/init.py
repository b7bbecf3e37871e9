"""Initial weights that keep the variance of activations through the layers."""

import math

import torch
from torch import nn


@torch.no_grad()
def init_weights(module: nn.Module, nonlinearity: str = "linear") -> None:
    """Initialises the linear and convolutional layers in `module`, each followed by `nonlinearity`.

    Before a (leaky) ReLU: He normal, gain²/fan_in (He et al. 2015, equation 10). Before tanh or nothing, as
    in heads and last layers: Glorot uniform (Glorot & Bengio 2010, equation 16). Biases start at 0.
    """
    for layer in module.modules():
        if not isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            continue
        fan_in, fan_out = fans(layer)
        if nonlinearity in ("relu", "leaky_relu"):
            layer.weight.normal_(0.0, nn.init.calculate_gain(nonlinearity) / math.sqrt(fan_in))
        else:
            bound = math.sqrt(6.0 / (fan_in + fan_out))
            layer.weight.uniform_(-bound, bound)
        if layer.bias is not None:
            layer.bias.zero_()


def fans(layer: nn.Linear | nn.Conv2d | nn.ConvTranspose2d) -> tuple[float, float]:
    """Returns how many inputs reach one output, and how many outputs one input reaches.

    A transposed convolution stores its weight as (in, out, k, k), and at stride s only (k/s)² of the
    kernel's taps meet any one output pixel; a convolution has the same on its way back.
    """
    if isinstance(layer, nn.Linear):
        return layer.in_features, layer.out_features
    taps = math.prod(layer.kernel_size)
    strided = taps / math.prod(layer.stride)
    here, there = (strided, taps) if isinstance(layer, nn.ConvTranspose2d) else (taps, strided)
    return layer.in_channels * here, layer.out_channels * there
