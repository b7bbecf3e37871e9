"""p(z): modules that return a distribution over latents."""

from vaeline.priors.flow import FlowPrior
from vaeline.priors.mixture import Mixture
from vaeline.priors.standard_normal import StandardNormal
from vaeline.priors.vamp import Vamp
from vaeline.registry import Table

PRIORS = (
    Table("prior")
    .add("standard_normal", StandardNormal)
    .add("mixture", Mixture)
    .add("vamp", Vamp)
    .add("flow", FlowPrior)
)
