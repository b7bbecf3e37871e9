import pytest
import torch
from torch import nn

from tests.support.small import config
from vaeline.models.networks.catalog import NETWORKS
from vaeline.models.networks.strided import Crop, Pad


def network(**section: object):
    return NETWORKS.build(config(network={"name": "conv", **section}).network, hidden_dim=1)


def layers(module: nn.Module, kind: type[nn.Module]) -> list[tuple[int, int]]:
    return [(m.in_channels, m.out_channels) for m in module.modules() if isinstance(m, kind)]


def test_default_layers_and_kernels():
    conv = network(conv={"channels": 32})
    encoder, features = conv.encoder((3, 64, 64))
    decoder = conv.decoder(20, (3, 64, 64))
    assert layers(encoder, nn.Conv2d) == [(3, 32), (32, 64), (64, 128)]
    assert features == 128 * 8 * 8
    assert layers(decoder, nn.ConvTranspose2d) == [(128, 64), (64, 32), (32, 3)]
    for module in (*encoder.modules(), *decoder.modules()):
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            assert (module.kernel_size, module.stride, module.padding) == ((4, 4), (2, 2), (1, 1))


@pytest.mark.parametrize(
    ("side", "before", "after"), [(28, 2, 2), (8, 0, 0), (64, 0, 0), (13, 1, 2), (1, 3, 4), (9, 3, 4)]
)
def test_padding_is_even_up_to_the_next_multiple_of_8(side, before, after):
    x = torch.ones(2, 1, side, 8)
    padded = Pad((1, side, 8))(x)
    assert padded[0, 0, :, 0].tolist() == [0.0] * before + [1.0] * side + [0.0] * after
    across = Pad((1, 8, side))(x.transpose(2, 3))
    assert torch.equal(across, padded.transpose(2, 3))


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 64, 64), (2, 13, 9)])
def test_crop_inverts_the_padding(shape):
    x = torch.randn(2, *shape)
    assert torch.equal(Crop(shape)(Pad(shape)(x)), x)


def test_every_pixel_of_28x28_affects_the_features_and_every_logit_depends_on_the_latent():
    conv = network()
    encoder, _ = conv.encoder((1, 28, 28))
    x = torch.rand(2, 1, 28, 28, requires_grad=True)
    (gradient,) = torch.autograd.grad(encoder(x).square().sum(), x)
    assert (gradient[0] != 0).float().mean() > 0.99
    logits = conv.decoder(3, (1, 28, 28))(torch.randn(200, 3))
    assert logits.shape == (200, 1, 28, 28)
    assert logits.std(0).min() > 0


def test_decoder_ends_without_an_activation():
    logits = network().decoder(3, (1, 8, 8))(torch.randn(200, 3))
    assert logits.min() < 0 < logits.max()
