"""How parts make a model."""

from vaeline.models.vae import VAE
from vaeline.registry import Table

MODELS = Table("model").add("vae", VAE)
