"""q(z|x): modules that turn features into a distribution over latents."""

from vaeline.posteriors.diagonal import DiagonalGaussian
from vaeline.registry import Table

POSTERIORS = Table("posterior").add("diagonal", DiagonalGaussian)
