"""Mean and variance of any distribution: exact where it knows them, else from draws."""

from torch import Tensor
from torch.distributions import Distribution, Independent, MultivariateNormal

from vaeline.models.distributions.codes import Assigned

MOMENT_DRAWS = 256


def knows_moments(distribution: Distribution) -> bool:
    """Returns whether `distribution` knows its mean and variance, which a flow does not."""
    return isinstance(distribution, Independent | MultivariateNormal | Assigned)


def moments(distribution: Distribution) -> tuple[Tensor, Tensor]:
    """Returns mean and variance, [*batch, *event] both: exact, or those of `MOMENT_DRAWS` draws."""
    if knows_moments(distribution):
        return distribution.mean, distribution.variance
    z = distribution.sample((MOMENT_DRAWS,))
    return z.mean(0), z.var(0)
