"""What training minimises. Tricks live here; estimators report the truth.

An objective is built with `free_bits`, the model's `latent_dim`, the number of training `images` and the
`batch_size`, and refuses what it has no use for; called with (model, x, beta) it returns `Terms`. One that is
a module may learn too: see `learned`.
"""

from vaeline.core.registry import Table
from vaeline.training.objectives.beta_tc import BetaTC
from vaeline.training.objectives.dip import DIP
from vaeline.training.objectives.elbo import ELBO
from vaeline.training.objectives.factor import Factor
from vaeline.training.objectives.info import Info
from vaeline.training.objectives.iwae import IWAE
from vaeline.training.objectives.objective import Objective
from vaeline.training.objectives.options import ObjectiveOptions
from vaeline.training.objectives.perceptual import Perceptual

OBJECTIVES = (
    Table[Objective]("objective", shared=ObjectiveOptions)
    .add("elbo", ELBO)
    .add("iwae", IWAE)
    .add("beta_tc", BetaTC)
    .add("info", Info)
    .add("dip", DIP)
    .add("factor", Factor)
    .add("perceptual", Perceptual)
)
