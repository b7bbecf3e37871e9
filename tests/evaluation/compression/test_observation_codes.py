"""The probabilities that levels are coded with, beside those of the likelihood."""

import numpy as np
import pytest
import torch

from tests.support.small import vae
from vaeline.evaluation.compression.observation_codes import GreyLevels


@pytest.mark.parametrize("channels", [1, 3])
def test_masses_of_all_channels_are_the_likelihood(channels):
    model = vae((channels, 4, 4), likelihood={"name": "discretized_logistic"}).double()
    likelihood = model.decode(torch.randn(1, 3).double())
    levels = np.random.default_rng(0).integers(256, size=(channels, 4, 4)).astype(np.uint8)
    levels[0, 0, :2] = 0, 255  # which have the tails
    code, log_p = GreyLevels(likelihood), 0.0
    for channel in range(channels):
        masses = code.masses(levels[:channel])
        torch.testing.assert_close(masses.sum(-1), torch.ones(16).double())
        log_p += masses[np.arange(16), levels[channel].flatten().astype(int)].log().sum()
    exact = likelihood.log_prob(torch.from_numpy(levels).double() / 255)
    assert abs(log_p - exact.item()) < 0.02  # parameters are rounded
