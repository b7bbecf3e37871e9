import math

import pytest
import torch
from torch import nn

from tests.support.small import config
from vaeline.models.networks.catalog import NETWORKS
from vaeline.models.networks.init import fans
from vaeline.models.networks.options import ACTIVATIONS

SHAPES = [(1, 28, 28), (3, 64, 64), (1, 8, 8), (2, 13, 9)]


def network(name: str, **section: object):
    return NETWORKS.build(config(network={"name": name, **section}).network, hidden_dim=32)


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", list(NETWORKS))
def test_encoder_and_decoder_have_the_shapes_that_the_contract_states(name, shape, batch_norm):
    built = network(name, batch_norm=batch_norm)
    encoder, features = built.encoder(shape)
    decoder = built.decoder(5, (2 * shape[0], *shape[1:]))  # two parameters a pixel
    assert encoder(torch.rand(3, *shape)).shape == (3, features)
    assert decoder(torch.randn(3, 5)).shape == (3, 2 * shape[0], *shape[1:])


@pytest.mark.parametrize("name", list(NETWORKS))
@pytest.mark.parametrize("activation", list(ACTIVATIONS))
def test_every_activation_is_the_one_that_the_section_names(name, activation):
    built = network(name, activation=activation)
    kinds = tuple(ACTIVATIONS.values())
    for module in (built.encoder((1, 8, 8))[0], built.decoder(3, (1, 8, 8))):
        used = [m for m in module.modules() if isinstance(m, kinds)]
        assert used
        assert {type(m) for m in used} == {ACTIVATIONS[activation]}


@pytest.mark.parametrize("name", list(NETWORKS))
def test_batch_norm_normalises_and_is_absent_by_default(name):
    norms = (nn.BatchNorm1d, nn.BatchNorm2d)
    plain, normed = (network(name, batch_norm=b).encoder((1, 8, 8))[0] for b in (False, True))
    assert not [m for m in plain.modules() if isinstance(m, norms)]
    outputs = []
    for module in normed.modules():
        if isinstance(module, norms):
            module.register_forward_hook(lambda _module, _inputs, output: outputs.append(output))
    normed(5 + torch.rand(64, 1, 8, 8))
    assert outputs
    for output in outputs:
        over = [d for d in range(output.dim()) if d != 1]
        assert output.mean(over).abs().max() < 1e-5
        assert (output.var(over, correction=0) - 1).abs().max() < 1e-2


@pytest.mark.parametrize("name", list(NETWORKS))
@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 64, 64)], ids=str)
def test_untrained_networks_neither_enlarge_nor_shrink(name, shape):
    """Bright images and draws of the prior come out at their own scale, so that no first loss is infinite."""
    built = network(name, residual={"blocks": 3})
    with torch.no_grad():
        features = built.encoder(shape)[0](0.5 + 0.5 * torch.rand(16, *shape))
        decoded = built.decoder(20, shape)(torch.randn(16, 20))
    assert 0.01 < features.square().mean() < 4
    assert 0.001 < decoded.square().mean() < 4


@pytest.mark.parametrize("name", [name for name in NETWORKS if name != "residual"])
def test_layers_before_a_relu_are_he_normal_and_the_last_is_glorot(name):
    """The variance of each layer's weights: 2 / fan_in, and at the end 2 / (fan_in + fan_out)."""
    built = NETWORKS.build(config(network={"name": name, "conv": {"channels": 16}}).network, hidden_dim=256)
    weighted = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)
    encoder = [m for m in built.encoder((1, 16, 16))[0].modules() if isinstance(m, weighted)]
    *decoder, last = [m for m in built.decoder(16, (1, 16, 16)).modules() if isinstance(m, weighted)]
    expected = [(layer, 2 / fans(layer)[0]) for layer in encoder + decoder] + [(last, 2 / sum(fans(last)))]
    for layer, variance in expected:
        error = 5 * math.sqrt(2 / layer.weight.numel())
        assert layer.weight.var().item() == pytest.approx(variance, rel=error)
        assert not layer.bias.any()
