"""The full-covariance Gaussian posterior."""

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from vaeline.models.contracts import Posterior
from vaeline.models.distributions.gaussians import FullGaussian
from vaeline.models.distributions.numerics import in_full
from vaeline.models.posteriors.diagonal import DiagonalGaussian, DiagonalSection


class FullCovariance(Posterior):
    """q(z|x) = N(μ(h), L Lᵀ): L = diag σ(h) + strictly lower triangular l(h) (Kingma & Welling 2019, 2.5.1).

    μ and σ are those of the diagonal posterior, with its options (`posterior.diagonal`). l starts at 0, so
    that training starts at that posterior.
    """

    def __init__(self, section: DiagonalSection, *, features: int, latent_dim: int) -> None:
        super().__init__()
        self.diagonal = DiagonalGaussian(section, features=features, latent_dim=latent_dim)
        self.below = tuple(torch.tril_indices(latent_dim, latent_dim, -1).tolist())
        self.fc_lower = nn.Linear(features, len(self.below[0])) if latent_dim > 1 else None
        if self.fc_lower is not None:
            nn.init.zeros_(self.fc_lower.weight)
            nn.init.zeros_(self.fc_lower.bias)

    def forward(self, features: Tensor) -> Distribution:
        """Returns q(z|x) for features [..., features]: batch [...], event [latent_dim]."""
        mean, scale = self.diagonal.mean_and_scale(features)
        scale_tril = torch.diag_embed(scale)
        if self.fc_lower is not None:
            scale_tril[..., self.below[0], self.below[1]] = in_full(self.fc_lower(features))
        return FullGaussian(mean, scale_tril)
