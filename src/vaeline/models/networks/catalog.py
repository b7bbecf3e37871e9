"""Deterministic networks: how an image becomes features, and how a latent becomes pixel parameters."""

from vaeline.core.registry import Table
from vaeline.models.networks.conv import Conv
from vaeline.models.networks.mlp import MLP
from vaeline.models.networks.options import NetworkOptions
from vaeline.models.networks.residual import Residual

NETWORKS = Table("network", shared=NetworkOptions).add("mlp", MLP).add("conv", Conv).add("residual", Residual)
