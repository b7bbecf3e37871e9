"""A prior of one's own, N(0, s² I): in the repository, a file in priors/ and a row in its table."""

import torch
from torch import nn
from torch.distributions import Distribution

from vaeline.core.params import StageParams
from vaeline.core.yaml import read_yaml
from vaeline.models.catalog import MODELS
from vaeline.models.contracts import Prior
from vaeline.models.distributions.gaussians import diagonal_gaussian
from vaeline.models.priors.catalog import PRIORS


class Scaled(Prior):
    """p(z) = N(0, s² I), with a learned s."""

    def __init__(self, *, latent_dim: int) -> None:
        super().__init__()
        self.register_buffer("loc", torch.zeros(latent_dim))
        self.log_scale = nn.Parameter(torch.zeros(()))

    def forward(self) -> Distribution:
        return diagonal_gaussian(self.loc, self.log_scale.exp().expand_as(self.loc))


if __name__ == "__main__":
    PRIORS.add("scaled", Scaled)  # the row; with its place in priors/catalog.py, `-S prior.name=scaled`
    params = StageParams(read_yaml("params.yaml") | {"prior": {"name": "scaled"}})
    model = MODELS.build(params.model, config=params, event_shape=(1, 28, 28))
    inference = model.infer(torch.rand(16, 1, 28, 28).round())
    print("KL of each dimension, nats:", inference.kl_terms().mean(0).tolist())
