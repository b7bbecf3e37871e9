"""What training minimises. Tricks live here; estimators report the truth."""

from vaeline.objectives.elbo import ELBO
from vaeline.registry import Table

OBJECTIVES = Table("objective").add("elbo", ELBO)
