"""What every network can be told."""

from typing import Literal

from torch import nn

from vaeline.core.params import BaseOptions

ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "leaky_relu": nn.LeakyReLU, "tanh": nn.Tanh}


class NetworkOptions(BaseOptions):
    """Options that all networks share. `init` is `vae` (see `init_weights`) or PyTorch's own.

    `output_bias` is where the decoder starts: at 0, or at the mean of the training images.
    """

    activation: Literal["relu", "leaky_relu", "tanh"] = "relu"
    batch_norm: bool = False
    init: Literal["vae", "pytorch"] = "vae"
    output_bias: Literal["zero", "data_mean"] = "zero"
