"""The table of posteriors q(z|x)."""

from vaeline.core.registry import Table
from vaeline.models.contracts import Posterior
from vaeline.models.posteriors.diagonal import DiagonalGaussian
from vaeline.models.posteriors.flows import Coupling, InverseAutoregressive
from vaeline.models.posteriors.full import FullCovariance

POSTERIORS = (
    Table[Posterior]("posterior")
    .add("diagonal", DiagonalGaussian)
    .add("full", FullCovariance)
    .add("iaf", InverseAutoregressive)
    .add("coupling", Coupling)
)
