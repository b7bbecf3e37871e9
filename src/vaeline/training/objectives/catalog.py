"""The table of objectives. A new one is a file with an `Objective`, and a row here."""

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
