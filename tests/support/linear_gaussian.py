"""Probabilistic PCA: a model whose evidence and posterior are known (Tipping & Bishop 1999).

z ~ N(0, I), x = W z + m + σ ε. Then log p(x) = log N(x; m, W Wᵀ + σ² I), and p(z|x) is the Gaussian with
precision P = I + WᵀW / σ² and mean P⁻¹ Wᵀ(x − m) / σ².
"""

from types import SimpleNamespace

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, MultivariateNormal, Normal

from vaeline.models.contracts import Model
from vaeline.models.distributions.gaussians import diagonal_gaussian
from vaeline.models.distributions.noise import Noise, draw, global_noise
from vaeline.models.inference import Layer

D, LATENT = 6, 2
NOISE = 0.2


class LinearGaussian(Model):
    """`diagonal`: W has orthogonal columns, so that the posterior is diagonal; else it is not.

    q is the exact posterior, its mean moved by `shift` and its covariance multiplied by `stretch`.
    """

    def __init__(self, diagonal: bool, shift: float = 0.0, stretch: float = 1.0) -> None:
        super().__init__((1, 1, D))
        generator = torch.Generator().manual_seed(1)
        w = torch.randn(D, LATENT, generator=generator, dtype=torch.float64) / 2
        if diagonal:
            w = torch.linalg.qr(w).Q * torch.tensor([0.9, 0.4], dtype=torch.float64)
        self.w = nn.Parameter(w)
        self.m = nn.Parameter(torch.full((D,), 0.5, dtype=torch.float64))
        self.diagonal, self.shift, self.stretch = diagonal, shift, stretch
        self.latent_dim = LATENT
        self.likelihood = SimpleNamespace(evaluation_set=lambda images: images)

    def evidence(self, images: Tensor) -> Tensor:
        """Returns log p(x) in nats for uint8 images, [N]."""
        covariance = self.w @ self.w.T + NOISE**2 * torch.eye(D, dtype=torch.float64)
        return MultivariateNormal(self.m, covariance).log_prob(_flat(images / 255)).detach()

    def elbo(self, images: Tensor) -> Tensor:
        """Returns the ELBO of q in nats, without any sampling, [N]: log p(x) − KL(q ‖ p(z|x))."""
        q, exact = self._posterior(_flat(images / 255), stretched=True), self._posterior(_flat(images / 255))
        return (self.evidence(images) - torch.distributions.kl_divergence(q, exact)).detach()

    def prior(self) -> Distribution:
        zeros = torch.zeros(LATENT, dtype=torch.float64)
        return diagonal_gaussian(zeros, zeros + 1)

    def prior_sample(self, shape: tuple[int, ...]) -> Tensor:
        return self.prior().sample(shape)

    def decode(self, z: Tensor) -> Distribution:
        mean = (self.m + z @ self.w.T).reshape(*z.shape[:-1], 1, 1, D)
        return Independent(Normal(mean, NOISE, validate_args=False), 3)

    def joint(self, z: Tensor) -> tuple[Tensor, Distribution]:
        return self.prior().log_prob(z), self.decode(z)

    def sample(self, n: int) -> Tensor:
        return self.decode(self.prior_sample((n,))).mean

    def layers(self, x: Tensor, k: int = 1, noise: Noise = global_noise) -> tuple[Layer, ...]:
        posterior = self.q(x)
        if self.diagonal:
            z = draw(posterior, (k,), noise)
        else:
            eps = noise(torch.Size((k, *posterior.loc.shape)), posterior.loc)
            z = posterior.loc + (posterior.scale_tril @ eps.unsqueeze(-1)).squeeze(-1)
        return (Layer(posterior, self.prior(), z),)

    def q(self, x: Tensor) -> Distribution:
        full = self._posterior(_flat(x), stretched=True)
        return diagonal_gaussian(full.mean, full.variance.sqrt()) if self.diagonal else full

    def _posterior(self, x: Tensor, stretched: bool = False) -> MultivariateNormal:
        precision = torch.eye(LATENT, dtype=torch.float64) + self.w.T @ self.w / NOISE**2
        covariance = torch.linalg.inv(precision)
        mean = (x - self.m) @ self.w @ covariance / NOISE**2
        if stretched:
            mean, covariance = mean + self.shift, covariance * self.stretch
        return MultivariateNormal(mean, covariance, validate_args=False)


class Mixed(LinearGaussian):
    """The exact posterior, its mean mixed by a matrix that is learned."""

    def __init__(self) -> None:
        super().__init__(diagonal=True)
        start = torch.tensor([[1.0, 0.9], [0.9, 1.0]], dtype=torch.float64)
        self.mix = nn.Parameter(start)

    def q(self, x: Tensor) -> Distribution:
        exact = super().q(x).base_dist
        return diagonal_gaussian(exact.loc @ self.mix, exact.scale)


def images(n: int) -> Tensor:
    """Returns n images of D grey pixels around the model's mean, uint8 [n, 1, 1, D]."""
    return torch.randint(40, 216, (n, 1, 1, D), dtype=torch.uint8)


def _flat(x: Tensor) -> Tensor:
    # As the estimators show them: a float32 quotient, before any double precision.
    return x.float().flatten(1).double()
