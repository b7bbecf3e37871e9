import math

import pytest
import torch
from torch import nn

from tests.support.small import config
from vaeline.models.networks.catalog import NETWORKS
from vaeline.models.networks.init import fans
from vaeline.models.networks.residual import Block

CHANNELS = 4


def network(blocks: int = 1, channels: int = CHANNELS, **section: object):
    options = {"name": "residual", "residual": {"channels": channels, "blocks": blocks}, **section}
    return NETWORKS.build(config(network=options).network, hidden_dim=1)


def blocks_of(module: nn.Module) -> list[int]:
    """Returns the channels of each block, in order."""
    return [m.change[-1].out_channels for m in module.modules() if isinstance(m, Block)]


def ones(module: nn.Module) -> nn.Module:
    """Sets every weight to 1 and every bias to 0, so that positive inputs give positive outputs."""
    for name, parameter in module.named_parameters():
        nn.init.constant_(parameter, float(name.endswith("weight")))
    return module


@pytest.mark.parametrize(
    ("shape", "smallest"),
    [((1, 28, 28), (4, 4)), ((3, 64, 64), (8, 8)), ((2, 13, 9), (2, 2)), ((1, 1, 1), (1, 1))],
)
def test_features_are_a_map_with_an_eighth_of_the_sides(shape, smallest):
    built = network()
    encoder, features = built.encoder(shape)
    assert features == 4 * CHANNELS * smallest[0] * smallest[1]
    assert encoder(torch.rand(2, *shape)).shape == (2, features)
    assert built.decoder(3, shape)(torch.randn(2, 3)).shape == (2, *shape)


@pytest.mark.parametrize("count", [1, 3])
def test_each_size_has_the_given_number_of_blocks(count):
    built = network(count)
    down, up = built.encoder((1, 16, 16))[0], built.decoder(3, (1, 16, 16))
    assert blocks_of(down) == [CHANNELS] * count + [2 * CHANNELS] * count + [4 * CHANNELS] * count
    assert blocks_of(up) == blocks_of(down)[::-1]


def three(fan_in: int, fan_out: int) -> int:
    """Returns the parameters of a convolution of 3×3 with its bias."""
    return 9 * fan_in * fan_out + fan_out


@pytest.mark.parametrize("blocks", [1, 2])
@pytest.mark.parametrize("channels", [4, 8])
def test_parameters_are_those_of_the_convolutions_and_no_others(channels, blocks):
    """3 → c → 2c → 4c of 4×4 down; a linear layer, 4c → 2c → c → c of 3×3 and one to the image up."""
    built, c = network(blocks, channels), channels
    of_blocks = sum(2 * blocks * three(n, n) for n in (c, 2 * c, 4 * c))
    down = sum(16 * fan_in * fan_out + fan_out for fan_in, fan_out in ((3, c), (c, 2 * c), (2 * c, 4 * c)))
    start = (5 + 1) * 4 * c * 2 * 2
    up = start + three(4 * c, 2 * c) + three(2 * c, c) + three(c, c) + three(c, 3)
    for module, expected in ((built.encoder((3, 16, 16))[0], down), (built.decoder(5, (3, 16, 16)), up)):
        assert sum(p.numel() for p in module.parameters()) == expected + of_blocks


def test_block_adds_its_change_to_its_input():
    block, x = Block(CHANNELS, False, nn.ReLU), torch.randn(2, CHANNELS, 5, 5)
    torch.testing.assert_close(block(x), x + block.change(x))
    nn.init.zeros_(block.change[-1].weight)
    nn.init.zeros_(block.change[-1].bias)
    assert torch.equal(block(x), x)  # negative values too: the skip connection has no activation


def test_every_block_starts_as_the_identity_and_no_other_layer_at_zero():
    """The layers between blocks are Glorot uniform, since no activation comes before the next block."""
    built = network(blocks=2, channels=16)
    for module in (built.encoder((3, 16, 16))[0], built.decoder(5, (3, 16, 16))):
        blocks = [m for m in module.modules() if isinstance(m, Block)]
        x = torch.randn(2, blocks[0].change[-1].out_channels, 5, 5)
        assert torch.equal(blocks[0](x), x)
        inside = {id(m) for block in blocks for m in block.modules()}
        others = [m for m in module.modules() if isinstance(m, nn.Conv2d | nn.Linear) and id(m) not in inside]
        for layer in others:
            assert 0 < layer.weight.abs().max() <= math.sqrt(6 / sum(fans(layer)))
        firsts = [block.change[1].weight for block in blocks]
        assert all(w.var().item() == pytest.approx(2 / (9 * w.shape[1]), rel=0.3) for w in firsts)


@pytest.mark.parametrize("batch_norm", [False, True])
def test_activations_in_a_block_precede_their_convolutions(batch_norm):
    """Full pre-activation, and nothing after the last convolution."""
    norm = [nn.BatchNorm2d] if batch_norm else []
    kinds = [type(layer) for layer in Block(CHANNELS, batch_norm, nn.Tanh).change]
    assert kinds == [*norm, nn.Tanh, nn.Conv2d] * 2


def test_receptive_field_of_a_feature_is_78_pixels_each_way():
    """1 + 3 + 2·4 + 2·3 + 4·4 + 4·3 + 8·4: strided convolutions see 4 pixels, blocks 5, 2, 4 and 8 apart."""
    encoder = ones(network().encoder((1, 128, 128))[0])
    x = torch.ones(1, 1, 128, 128, requires_grad=True)
    middle = encoder(x).unflatten(1, (4 * CHANNELS, 16, 16))[0, 0, 8, 8]
    (gradient,) = torch.autograd.grad(middle, x)
    across, down = gradient[0, 0].any(0), gradient[0, 0].any(1)
    assert (across.sum(), down.sum()) == (78, 78)
    assert (gradient[0, 0] > 0).sum() == 78**2


def test_decoder_leaves_no_checkerboard():
    """Uniform features give uniform pixels away from the edges, unlike with transposed convolutions."""
    decoder = ones(network().decoder(3, (1, 128, 128)))[0].double()
    pixels = decoder[2:](torch.ones(1, 4 * CHANNELS, 16, 16, dtype=torch.float64))
    middle = pixels[0, 0, 48:80, 48:80]
    torch.testing.assert_close(middle, middle[:1, :1].expand(32, 32), rtol=1e-12, atol=0)
