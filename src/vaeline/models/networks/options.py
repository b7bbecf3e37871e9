"""The options that all networks share."""

from typing import Literal, Protocol

from torch import nn

from vaeline.core.params import BaseOptions
from vaeline.models.networks.init import Init

Activation = Literal["relu", "leaky_relu", "tanh"]
ACTIVATIONS: dict[Activation, type[nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "tanh": nn.Tanh,
}


class NetworkOptions(BaseOptions):
    """Options of every network.

    `init` selects the weights of `init_weights` (`vae`), PyTorch's defaults, or those of the authors of IWAE
    (`init_weights_burda`). `output_bias` is where the decoder starts: at 0, or at the mean of the training
    images.
    """

    activation: Activation = "relu"
    batch_norm: bool = False
    init: Init = "vae"
    output_bias: Literal["zero", "data_mean"] = "zero"


class NetworkSection(Protocol):
    """What every network reads of the section `network`: see `NetworkOptions`."""

    @property
    def activation(self) -> Activation:
        """The nonlinearity between layers."""

    @property
    def batch_norm(self) -> bool:
        """Whether hidden layers are followed by BatchNorm."""

    @property
    def init(self) -> Init:
        """The initial weights."""

    @property
    def output_bias(self) -> Literal["zero", "data_mean"]:
        """Where the decoder starts."""
