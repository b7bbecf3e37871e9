"""The table of networks: an image to features, and a latent to the parameters of p(x|z)."""

from vaeline.core.registry import Table
from vaeline.models.contracts import Network
from vaeline.models.networks.conv import Conv
from vaeline.models.networks.mlp import MLP
from vaeline.models.networks.options import NetworkOptions
from vaeline.models.networks.residual import Residual

NETWORKS = (
    Table[Network]("network", shared=NetworkOptions)
    .add("mlp", MLP)
    .add("conv", Conv)
    .add("residual", Residual)
)
