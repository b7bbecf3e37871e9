"""Samples from a density that is fitted, after training, to the latents of the training images.

Ghosh, Sajjadi, Vergari, Black & Schölkopf, "From variational to deterministic autoencoders" (2020), section
4: where the aggregate posterior does not match the prior, the prior has holes, and this density does not.
"""

from dataclasses import dataclass

import numpy as np
import torch
from sklearn.mixture import GaussianMixture
from torch import Tensor
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal

from vaeline.data.observations import Observations
from vaeline.data.prepared import Split
from vaeline.evaluation.chunks import even_indices, model_input_chunks
from vaeline.evaluation.observing import evaluation_set
from vaeline.models.contracts import Model

COMPONENTS = 10  # as Ghosh et al., who use full covariances too
MIXTURE_IMAGES = 10_000  # in 20 dimensions a mixture has 2,309 free parameters
EX_POST_SEED = 0


@dataclass(frozen=True)
class ExPostSampler:
    """A model, and the mixture over z that replaces its prior."""

    model: Model
    mixture: MixtureSameFamily

    def sample(self, n: int) -> Tensor:
        """Returns n observations [n, *event_shape]: the mean of p(x|z) at z from the mixture."""
        return decode_means(self.model, self.mixture.sample(torch.Size((n,))))


@torch.no_grad()
def decode_means(model: Model, z: Tensor) -> Tensor:
    """Returns observations [n, *event_shape]: the mean of p(x|z) at each of z [n, d]."""
    _, likelihood = model.joint(z)
    return model.scaling.bounded(likelihood.mean)


@torch.no_grad()
def draw_posterior(model: Model, images: Observations) -> Tensor:
    """Returns one z ~ q(z|x) for each of uint8 images [N, C, H, W]: [N, d], all layers side by side."""
    inferences = (model.infer(x) for x in model_input_chunks(model, images))
    return torch.cat([torch.cat([layer.sample[0] for layer in i.layers], -1) for i in inferences])


def fit_ex_post(model: Model, train: Split) -> ExPostSampler:
    """Returns `model` with a mixture of Gaussians of full covariance fitted to its aggregate posterior.

    The mixture is fitted to one drawn z for each of up to 10,000 training images, not to the means, since
    drawn z are what the decoder is trained on. (Ghosh et al. fit to the codes of a deterministic model, which
    has nothing else.) With several stochastic layers, it is one mixture over all of them side by side, in the
    order of `joint`.
    """
    return ExPostSampler(model, fit_mixture(draw_posterior(model, evaluation_set(model, _subset(train)))))


def fit_mixture(z: Tensor) -> MixtureSameFamily:
    """Returns a mixture of up to 10 Gaussians of full covariance fitted to z [N, d]."""
    mixture = GaussianMixture(
        min(COMPONENTS, len(z)),
        init_params="k-means++",  # the threads of k-means may add up in another order each time
        max_iter=200,
        random_state=EX_POST_SEED,
    )
    mixture.fit(z.double().cpu().numpy())
    factors = np.linalg.cholesky(mixture.covariances_)  # in double precision
    weights, means, scale_tril = (
        torch.from_numpy(part).to(z) for part in (mixture.weights_, mixture.means_, factors)
    )
    components = MultivariateNormal(means, scale_tril=scale_tril, validate_args=False)
    return MixtureSameFamily(Categorical(weights), components, validate_args=False)


def _subset(train: Split) -> Split:
    return train[even_indices(len(train), MIXTURE_IMAGES).numpy()]
