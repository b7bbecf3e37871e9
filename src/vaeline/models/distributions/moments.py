"""Mean and variance of any distribution: as it states them, or from draws."""

from torch import Tensor
from torch.distributions import Distribution, Independent, MultivariateNormal

from vaeline.models.distributions.codes import Assigned

MOMENT_DRAWS = 256


def stated(distribution: Distribution) -> bool:
    """Returns whether `distribution` knows its mean and variance, which a flow does not."""
    return isinstance(distribution, Independent | MultivariateNormal | Assigned)


def moments(distribution: Distribution) -> tuple[Tensor, Tensor]:
    """Returns mean and variance, [*batch, *event] both: exact where they are known, else of `DRAWS` draws."""
    if stated(distribution):
        return distribution.mean, distribution.variance
    drawn = distribution.sample((MOMENT_DRAWS,))
    return drawn.mean(0), drawn.var(0)
