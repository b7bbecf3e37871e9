"""p(z): modules that return a distribution over latents."""

from vaeline.priors.standard_normal import StandardNormal
from vaeline.registry import Table

PRIORS = Table("prior").add("standard_normal", StandardNormal)
