"""How parts make a model."""

from vaeline.models.ladder import LadderVAE
from vaeline.models.two_layer import TwoLayerVAE
from vaeline.models.vae import VAE
from vaeline.registry import Table

MODELS = Table("model").add("vae", VAE).add("two_layer", TwoLayerVAE).add("ladder", LadderVAE)
