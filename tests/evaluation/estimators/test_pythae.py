"""Importance sampling in pythae, on the same weights and images as ours.

Its `get_nll` returns the mean log-likelihood, despite its name without a minus sign. It draws whole batches
only: `batch_size` · max(1, n_samples // batch_size) samples for each image. For "mse" its density has unit
variance, and includes the constant that its training loss omits.
"""

from types import ModuleType

import numpy as np
import pytest
import torch

import tests.support.linear_gaussian
from tests.support.linear_gaussian import LATENT, D, LinearGaussian, images
from tests.support.small import digits, vae
from vaeline.evaluation.estimators.bounds import compute_elbo, compute_iwae_bound

K = 100
REPEATS = 30


@pytest.fixture(scope="module")
def pythae() -> ModuleType:
    import pythae.models  # takes seconds, so only for these tests

    return pythae


@torch.no_grad()
def test_bounds_agree_on_equal_weights_and_images(pythae):
    """Networks of pythae, one hidden layer of 512 units on each side, with our weights."""
    ours = vae(hidden_dim=512, network={"mlp": {"depth": 1}}).eval()
    # Initially q is narrower than the exact posterior, so that the weights have infinite variance.
    ours.posterior.fc_log_var.bias.fill_(0.5)
    ours.decoder[1].weight.mul_(0.3)
    config = pythae.models.VAEConfig(input_dim=(1, 8, 8), latent_dim=3, reconstruction_loss="bce")
    theirs = pythae.models.VAE(config).eval()
    pairs = [
        (theirs.encoder.layers[0][0], ours.encoder[1][0]),
        (theirs.encoder.embedding, ours.posterior.fc_mu),
        (theirs.encoder.log_var, ours.posterior.fc_log_var),
        (theirs.decoder.layers[0][0], ours.decoder[0][0]),
        (theirs.decoder.layers[1][0], ours.decoder[1]),
    ]
    for its, own in pairs:
        its.load_state_dict(own.state_dict())
    assert sum(p.numel() for p in theirs.parameters()) == sum(p.numel() for p in ours.parameters())

    x = digits(10) // 128 * 255
    bounds = np.array(
        [
            (
                theirs.get_nll(x.float() / 255, n_samples=K, batch_size=K // 2),
                compute_iwae_bound(ours, x, K).mean,
            )
            for _ in range(REPEATS)
        ]
    )
    error = np.sqrt(bounds.var(0, ddof=1).sum() / REPEATS)
    assert abs(bounds[:, 0].mean() - bounds[:, 1].mean()) < 4 * error
    assert error < 0.05
    assert (
        bounds.mean() - compute_elbo(ours, x, 1000).mean > 20 * error
    )  # which not every bound would satisfy


@torch.no_grad()
def test_for_a_gaussian_of_unit_variance_both_bounds_are_the_evidence(pythae, monkeypatch):
    """q is the exact posterior, so that every weight is the evidence, including constants."""
    monkeypatch.setattr(tests.support.linear_gaussian, "NOISE", 1.0)
    ours, x = LinearGaussian(diagonal=True), images(10)

    class Encoder(pythae.models.nn.BaseEncoder):
        def forward(self, x):
            q = ours.q(x)
            return pythae.models.base.base_utils.ModelOutput(
                embedding=q.mean, log_covariance=q.variance.log()
            )

    class Decoder(pythae.models.nn.BaseDecoder):
        def forward(self, z):
            return pythae.models.base.base_utils.ModelOutput(reconstruction=ours.decode(z).mean)

    config = pythae.models.VAEConfig(input_dim=(1, 1, D), latent_dim=LATENT, reconstruction_loss="mse")
    theirs = pythae.models.VAE(config, Encoder(), Decoder()).get_nll((x.float() / 255).double(), 50, 50)
    assert theirs == pytest.approx(ours.evidence(x).mean().item(), rel=1e-9)
    assert theirs == pytest.approx(compute_iwae_bound(ours, x, 50).mean, rel=1e-9)
