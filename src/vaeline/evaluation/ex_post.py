"""Samples from a density that is fitted after training to what the encoder makes of the training images.

Ghosh, Sajjadi, Vergari, Black & Schölkopf, "From variational to deterministic autoencoders" (2020), section
4: where the aggregate posterior does not match the prior, the prior has holes, and this density has not.
"""

from dataclasses import dataclass

import numpy as np
import torch
from sklearn.mixture import GaussianMixture
from torch import Tensor, nn
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal

from vaeline.data.observations import Observations
from vaeline.data.prepared import Split
from vaeline.evaluation.chunks import even_indices, model_input_chunks
from vaeline.evaluation.observing import evaluation_set

COMPONENTS = 10  # as Ghosh et al.; they have full covariances too
MIXTURE_IMAGES = 10_000  # a mixture in 20 dimensions has 2,309 free numbers
EX_POST_SEED = 0


@dataclass(frozen=True)
class ExPostSampler:
    """A model, and the mixture over z that stands in for its prior."""

    model: nn.Module
    mixture: MixtureSameFamily

    def sample(self, n: int) -> Tensor:
        """Returns n images [n, C, H, W] in [0, 1]: the mean of p(x|z) at z from the mixture."""
        return decode_means(self.model, self.mixture.sample((n,)))


@torch.no_grad()
def decode_means(model: nn.Module, z: Tensor) -> Tensor:
    """Returns images [n, C, H, W] in [0, 1]: the mean of p(x|z) at each of z [n, d]."""
    _, likelihood = model.joint(z)
    return likelihood.mean.clamp(0, 1)


@torch.no_grad()
def draw_posterior(model: nn.Module, images: Observations) -> Tensor:
    """Returns one z ~ q(z|x) for each of uint8 images [N, C, H, W]: [N, d], all layers side by side."""
    inferences = (model.infer(x) for x in model_input_chunks(model, images))
    return torch.cat([torch.cat([layer.sample[0] for layer in seen.layers], -1) for seen in inferences])


def fit_ex_post(model: nn.Module, train: Split) -> ExPostSampler:
    """Returns `model` with a mixture of Gaussians of full covariance fitted to its aggregate posterior.

    To one drawn z for each of up to 10,000 training images, not to the means: what is decoded in training is
    drawn. (Ghosh et al. fit to the codes of a deterministic model, which are all it has.) With several
    stochastic layers it is one mixture over all of them side by side, as `joint` takes them.
    """
    z = draw_posterior(model, evaluation_set(model, train[even_indices(len(train), MIXTURE_IMAGES).numpy()]))
    mixture = GaussianMixture(
        min(COMPONENTS, len(z)),
        init_params="k-means++",  # the threads of k-means may add up in another order each time
        max_iter=200,
        random_state=EX_POST_SEED,
    )
    mixture.fit(z.double().cpu().numpy())
    factors = np.linalg.cholesky(mixture.covariances_)  # in double precision
    weights, means, factors = (
        torch.from_numpy(part).to(z) for part in (mixture.weights_, mixture.means_, factors)
    )
    components = MultivariateNormal(means, scale_tril=factors, validate_args=False)
    return ExPostSampler(model, MixtureSameFamily(Categorical(weights), components, validate_args=False))
