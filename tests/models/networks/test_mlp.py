import pytest
import torch
from torch import nn

from tests.support.small import config
from vaeline.models.networks.catalog import NETWORKS


def network(hidden_dim: int = 400, **section: object):
    return NETWORKS.build(config(network={"name": "mlp", **section}).network, hidden_dim=hidden_dim)


def widths(module: nn.Module) -> list[tuple[int, int]]:
    return [(m.in_features, m.out_features) for m in module.modules() if isinstance(m, nn.Linear)]


def test_default_is_784_400_200_latent_and_back():
    mlp = network()
    encoder, features = mlp.encoder((1, 28, 28))
    assert widths(encoder) == [(784, 400), (400, 200)]
    assert features == 200
    assert widths(mlp.decoder(20, (1, 28, 28))) == [(20, 200), (200, 400), (400, 784)]


def test_unmirrored_decoder_has_the_full_width_in_every_hidden_layer():
    decoder = network(mlp={"mirrored": False}).decoder(20, (1, 28, 28))
    assert widths(decoder) == [(20, 400), (400, 400), (400, 784)]


@pytest.mark.parametrize(
    ("depth", "taper", "expected"), [(1, 0.5, [64]), (4, 0.5, [64, 32, 16, 8]), (3, 1.0, [64] * 3)]
)
def test_depth_and_taper_set_the_widths(depth, taper, expected):
    encoder, features = network(64, mlp={"depth": depth, "taper": taper}).encoder((1, 8, 8))
    assert [out for _, out in widths(encoder)] == expected
    assert features == expected[-1]


def test_every_layer_keeps_at_least_one_unit():
    encoder, features = network(4, mlp={"depth": 5, "taper": 0.25}).encoder((1, 8, 8))
    assert [out for _, out in widths(encoder)] == [4, 1, 1, 1, 1]
    assert features == 1


def test_decoder_ends_with_a_linear_layer_and_the_encoder_with_an_activation():
    mlp = network(32)
    x = torch.randn(500, 1, 8, 8)
    assert mlp.encoder((1, 8, 8))[0](x).min() == 0.0
    last = [m for m in mlp.decoder(3, (1, 8, 8)).modules() if not list(m.children())][-2:]
    assert [type(m) for m in last] == [nn.Linear, nn.Unflatten]


def test_init_pytorch_keeps_pytorchs_weights():
    def built(seed: int, init: str) -> list[torch.Tensor]:
        torch.manual_seed(seed)
        return list(network(32, init=init).encoder((1, 8, 8))[0].parameters())

    torch.manual_seed(1)
    theirs = [p for layer in (nn.Linear(64, 32), nn.Linear(32, 16)) for p in layer.parameters()]
    assert all(torch.equal(a, b) for a, b in zip(built(1, "pytorch"), theirs, strict=True))
    assert not torch.equal(built(1, "vae")[0], theirs[0])
