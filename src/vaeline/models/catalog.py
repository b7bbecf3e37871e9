"""How parts make a model.

A model is built with `config`, the `shape` of an image, (C, H, W), and the number of `classes` that the data
set's labels tell apart.
"""

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
