"""The table of models, built with the context that `contracts.Model` lists."""

from vaeline.core.registry import Table
from vaeline.models.conditional import ConditionalVAE
from vaeline.models.contracts import Model
from vaeline.models.ladder import LadderVAE
from vaeline.models.two_layer import TwoLayerVAE
from vaeline.models.vae import VAE
from vaeline.models.vq import VQVAE

MODELS = (
    Table[Model]("model")
    .add("vae", VAE)
    .add("two_layer", TwoLayerVAE)
    .add("ladder", LadderVAE)
    .add("conditional", ConditionalVAE)
    .add("vq", VQVAE)
)
