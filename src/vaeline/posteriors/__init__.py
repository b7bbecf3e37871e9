"""q(z|x): modules that turn features into a distribution over latents."""

from vaeline.posteriors.diagonal import DiagonalGaussian
from vaeline.posteriors.flows import Coupling, InverseAutoregressive
from vaeline.posteriors.full import FullCovariance
from vaeline.registry import Table

POSTERIORS = (
    Table("posterior")
    .add("diagonal", DiagonalGaussian)
    .add("full", FullCovariance)
    .add("iaf", InverseAutoregressive)
    .add("coupling", Coupling)
)
