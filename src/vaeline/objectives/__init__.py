"""What training minimises. Tricks live here; estimators report the truth.

An objective is built with `free_bits`, the model's `latent_dim`, the number of training `images` and the
`batch_size`, and refuses what it has no use for; called with (model, x, beta) it returns `Terms`. One that is
a module may learn too: see `learned`.
"""

from vaeline.objectives.beta_tc import BetaTC
from vaeline.objectives.dip import DIP
from vaeline.objectives.elbo import ELBO
from vaeline.objectives.info import Info
from vaeline.objectives.iwae import IWAE
from vaeline.objectives.options import ObjectiveOptions
from vaeline.objectives.perceptual import Perceptual
from vaeline.registry import Table

OBJECTIVES = (
    Table("objective", shared=ObjectiveOptions)
    .add("elbo", ELBO)
    .add("iwae", IWAE)
    .add("beta_tc", BetaTC)
    .add("info", Info)
    .add("dip", DIP)
    .add("perceptual", Perceptual)
)
