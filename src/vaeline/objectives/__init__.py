"""What training minimises. Tricks live here; estimators report the truth."""

from vaeline.objectives.elbo import ELBO
from vaeline.objectives.iwae import IWAE
from vaeline.objectives.options import ObjectiveOptions
from vaeline.registry import Table

OBJECTIVES = Table("objective", shared=ObjectiveOptions).add("elbo", ELBO).add("iwae", IWAE)
