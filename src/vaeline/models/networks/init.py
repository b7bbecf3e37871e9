"""Initial weights that keep the variance of activations through the layers."""

import math
from collections.abc import Callable, Iterator
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

Nonlinearity = Literal["linear", "relu", "leaky_relu", "tanh"]
Weighted = nn.Linear | nn.Conv2d | nn.ConvTranspose2d
Init = Literal["vae", "pytorch", "burda"]
BURDA_SEED = 123


def initialise(module: nn.Module, init: Init, nonlinearity: Nonlinearity = "linear") -> None:
    """Initialises the layers in `module`, each followed by `nonlinearity`, in the way that `init` names."""
    INITS[init](module, nonlinearity)


@torch.no_grad()
def init_weights(module: nn.Module, nonlinearity: Nonlinearity = "linear") -> None:
    """Initialises the linear and convolutional layers in `module`, each followed by `nonlinearity`.

    Before a (leaky) ReLU: He normal, gain²/fan_in (He et al. 2015, equation 10). Before tanh or nothing, as
    in heads and output layers: Glorot uniform (Glorot & Bengio 2010, equation 16). Biases start at 0.
    """
    for layer in weighted_layers(module):
        if nonlinearity in ("relu", "leaky_relu"):
            layer.weight.normal_(0.0, nn.init.calculate_gain(nonlinearity) / math.sqrt(fans(layer)[0]))
        else:
            bound = glorot_bound(layer)
            layer.weight.uniform_(-bound, bound)
        if layer.bias is not None:
            layer.bias.zero_()


@torch.no_grad()
def init_weights_burda(module: nn.Module, nonlinearity: Nonlinearity = "linear") -> None:  # noqa: ARG001
    """Initialises the layers in `module` as the code of Burda et al. (2016) does: Glorot uniform, one seed.

    Each layer's weights are drawn by a new generator of the seed 123, so that layers of one shape start
    equal. The authors' weights are [in, out], ours their transpose; they are equal bit for bit.
    """
    for layer in weighted_layers(module):
        bound = glorot_bound(layer)
        weight = np.random.RandomState(BURDA_SEED).uniform(-bound, bound, layer.weight.shape[::-1])
        layer.weight.copy_(torch.from_numpy(weight.T))
        if layer.bias is not None:
            layer.bias.zero_()


INITS: dict[Init, Callable[[nn.Module, Nonlinearity], None]] = {
    "vae": init_weights,
    "pytorch": lambda _module, _nonlinearity: None,
    "burda": init_weights_burda,
}


def glorot_bound(layer: Weighted) -> float:
    """Returns the largest weight of Glorot & Bengio (2010), equation 16."""
    return math.sqrt(6.0 / sum(fans(layer)))


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
