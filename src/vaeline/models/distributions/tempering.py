"""Sampling at another temperature: narrower or wider than the distribution itself."""

from torch.distributions import Distribution

from vaeline.models.distributions.codes import Coded
from vaeline.models.distributions.flows import Flow
from vaeline.models.distributions.gaussians import diagonal_gaussian, is_diagonal_gaussian
from vaeline.models.distributions.mixtures import GaussianMixture


def tempered(distribution: Distribution, temperature: float) -> Distribution:
    """Returns `distribution` at a temperature: itself at 1, its mode or modes alone as it approaches 0.

    It multiplies the σ of a Gaussian, of each component of a mixture, and of the noise behind a flow,
    as in Kingma & Dhariwal (2018, Glow, section 6), and divides the logits of codes.

    Raises:
        TypeError: for any other distribution.
    """
    if temperature == 1:
        return distribution
    if is_diagonal_gaussian(distribution):
        return diagonal_gaussian(distribution.base_dist.loc, temperature * distribution.base_dist.scale)
    if isinstance(distribution, GaussianMixture):
        return GaussianMixture(distribution.loc, temperature * distribution.scale, distribution.log_weights)
    if isinstance(distribution, Flow):
        return Flow(tempered(distribution.base, temperature), distribution.steps)
    if isinstance(distribution, Coded):
        return distribution.tempered(temperature)
    raise TypeError(f"{type(distribution).__name__} does not say what its temperature is: add it here")
