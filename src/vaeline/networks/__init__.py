"""Deterministic networks: how an image becomes features, and how a latent becomes pixel parameters."""

from vaeline.networks.conv import Conv
from vaeline.networks.mlp import MLP
from vaeline.networks.options import NetworkOptions
from vaeline.networks.residual import Residual
from vaeline.registry import Table

NETWORKS = Table("network", shared=NetworkOptions).add("mlp", MLP).add("conv", Conv).add("residual", Residual)
