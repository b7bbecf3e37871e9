"""The table of priors p(z)."""

from vaeline.core.registry import Table
from vaeline.models.contracts import Prior
from vaeline.models.priors.flow import FlowPrior
from vaeline.models.priors.mixture import Mixture
from vaeline.models.priors.standard_normal import StandardNormal
from vaeline.models.priors.vamp import Vamp

PRIORS = (
    Table[Prior]("prior")
    .add("standard_normal", StandardNormal)
    .add("mixture", Mixture)
    .add("vamp", Vamp)
    .add("flow", FlowPrior)
)
